#pragma once

#include "config/company.hpp"
#include "schemas/messages.hpp"
#include "storage/leadership.hpp"
#include "storage/writer_engine.hpp"

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/// What the measurements of bench_storage share: a company in a database of its own, clocks, quantiles, the printed
/// line.
namespace cadre::bench {

using clock = std::chrono::steady_clock;

inline double seconds_since(clock::time_point begin) {
  return std::chrono::duration<double>(clock::now() - begin).count();
}

template <class T>
T must(result<T> r) {
  if (!r) throw std::runtime_error{r.error().message};
  if constexpr (!std::is_void_v<T>) return std::move(*r);
}

/// Some 300 bytes, as the tasks of the other queues have.
json_text payload(std::size_t number);

/// Seconds in, microseconds out, at which this share of all is done. `all` is not empty.
double quantile_us(std::vector<double> all, double share);

/// One line: an object of JSON.
void print(std::initializer_list<std::pair<const char*, double>> figures);

/// A database of its own with a company in it, and the engine that writes it. Its agents do nothing.
class world {
 public:
  /// What is over is kept for `kept`; 0: for the default.
  explicit world(std::chrono::seconds kept = {});
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  /// A new reign, which reads what it remembers.
  void lead_again();

  /// Commits; every command must be committed. What was granted is completed with the next call.
  void commit(std::vector<command> commands);

  static command make(command_body body, const std::string& from, epoch incarnation = 0);
  static command add(std::size_t number);
  static std::vector<command> adds(std::size_t count);

  /// From now on the agents take `slots` tasks at once, all of them together, and as many more as divide evenly.
  void open(std::size_t slots);

  /// One step of pruning; when the next one is due.
  clock::time_point prune();

  /// Puts `count` complete tasks with a run and three events each into the tables, as if done long ago.
  void age(std::size_t count);

  /// What the last commit completed.
  [[nodiscard]] const std::vector<run_grant>& finished() const { return finished_; }
  [[nodiscard]] std::size_t completed() const { return completed_; }
  [[nodiscard]] std::size_t granted() const { return granted_.size(); }
  [[nodiscard]] const std::vector<run_grant>& granted_runs() const { return granted_; }
  [[nodiscard]] std::string superuser() const;
  [[nodiscard]] std::string reader() const;

 private:
  std::string name_;
  config::company company_;
  node_life_id life_ = new_id<node_life_id>();
  std::unique_ptr<storage::leadership> lead_;
  std::unique_ptr<storage::writer_engine> engine_;
  std::vector<run_grant> granted_, finished_;
  std::size_t completed_ = 0;
};

}  // namespace cadre::bench
