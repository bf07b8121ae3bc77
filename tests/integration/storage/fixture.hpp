#pragma once

#include "config/company.hpp"
#include "schemas/json.hpp"
#include "schemas/messages.hpp"
#include "storage/leadership.hpp"
#include "storage/prepare.hpp"
#include "storage/writer_engine.hpp"

#include <boost/test/unit_test.hpp>
#include <pqxx/pqxx>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

/// A prepared database on the real server, a company of its own in it, and a leader that writes.
namespace storage_test {

using namespace cadre;
using cadre::storage::batch_result;
using cadre::storage::leadership;
using cadre::storage::writer_engine;
using std::chrono::milliseconds;

/// The server's superuser URL, from CADRE_TEST_POSTGRES. The test fails if it is not set.
std::string server_url();

/// A database of its own, dropped at the end.
class database {
 public:
  explicit database(std::vector<std::string> companies);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;
  [[nodiscard]] std::string url(std::string_view role) const;
  [[nodiscard]] std::string superuser() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
};

/// The database that most tests share, each with a company of its own.
database& shared_database();

/// ceo > ops (auditors audit, audit2) and data (workers ingest, logs, merge, solo, plain), on node n1 or n2.
config::company make_company(const std::string& name);

/// The agent of that path, to be changed before the company is given to a world.
config::agent& agent_of(config::company& company, const std::string& path);

struct world {
  explicit world(config::company c = make_company("c" + new_uuid().substr(24)), database& d = shared_database(),
                 storage::engine_options o = {});

  database& db;
  config::company company;
  storage::engine_options options;
  std::unique_ptr<leadership> lead;
  std::unique_ptr<writer_engine> engine;
  node_life_id life = new_id<node_life_id>();
  batch_result last;

  /// The epoch of the agent's present life, which begins with the first question.
  epoch life_of(const std::string& agent);
  /// Commits one command and returns its outcome. A verdict that says no life comes from its auditor's present one.
  outcome send(command_body body, const std::string& from = "cli", epoch incarnation = 0);
  outcome send(const command& c);
  /// The same, and fails the test unless it committed.
  outcome must(command_body body, const std::string& from = "cli", epoch incarnation = 0);

  /// A report of node n1 that `agent` has `free` slots and holds `held`.
  node_report report(const std::string& agent, std::int64_t free, std::vector<run_id> held = {}) const;
  task_add task(const std::string& agent) const;
  /// Adds a task for the agent and has it granted.
  run_grant granted(const std::string& agent);
  /// Grants, stages the rows for the dataset and completes. Returns the output.
  output_id produced(const std::string& agent, const std::string& dataset, const std::vector<std::string>& rows);
  verdict_add verdict(const output_id& output, const std::string& auditor, bool passed) const;
  void tick_after(milliseconds later);
  /// Another leader begins with what is in the database.
  void take_over();

  /// The first column of the first row, as text; `-` for no row or NULL. `$1` is the company.
  std::string ask(const std::string& sql);
  std::string task_status_of(const task_id& id);
  std::string canonical(const std::string& dataset);

 private:
  std::unique_ptr<pqxx::connection> reader_;
};

command make(command_body body, const std::string& from = "cli", epoch incarnation = 0);
std::string status(const outcome& o);  ///< `committed`, `rejected refused`, ...

}  // namespace storage_test
