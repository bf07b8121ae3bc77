#pragma once

#include "schemas/error.hpp"
#include "storage/pg/pipeline.hpp"
#include "storage/pg/values.hpp"

#include <pqxx/pqxx>

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace cadre::storage::pg {

/// libpqxx's connection that lets libpq's be used as well.
class raw_connection;

/// One connection that never reconnects by itself: what it held (locks, prepared statements, a transaction) is either
/// there or the session is over. Transactions are begun and ended by statements. Throws libpqxx's exceptions.
class session {
 public:
  /// Blocks until connected, at most 5 s unless the URL says otherwise; see with_bounds.
  explicit session(const std::string& url);
  ~session();

  /// Runs a prepared statement, preparing it when first used. `sql` is a literal: its address is its name.
  template <class... Values>
  pqxx::result run(const char* sql, const Values&... values) {
    return run_values(sql, {to_value(values)...});
  }
  pqxx::result run_values(const char* sql, const std::vector<value>& values);

  /// The same without waiting for the answer, which nobody sees but for a refusal: that is thrown by the next call that
  /// waits, and the server has skipped all behind it.
  template <class... Values>
  void send(const char* sql, const Values&... values) {
    on_its_way_->send(sql, std::array<parameter, sizeof...(Values)>{to_parameter(values)...});
  }
  /// Waits for what was sent.
  void finish();
  /// Waits for what was sent, whatever comes of it: before a rollback.
  void abandon() noexcept { on_its_way_->abandon(); }

  /// Several statements without parameters; the result of the last one.
  pqxx::result script(const std::string& sql);

  [[nodiscard]] bool alive() const noexcept;
  [[nodiscard]] std::string quoted_name(const std::string& name);
  [[nodiscard]] std::string quoted(const std::string& text);

 private:
  // Order matters: the transaction goes before the connection, which goes before the handler it writes notices to.
  std::unique_ptr<raw_connection> connection_;
  std::unique_ptr<pqxx::quiet_errorhandler> silence_;
  std::unique_ptr<pqxx::nontransaction> statements_;
  std::unordered_map<const void*, std::string> prepared_;
  std::unique_ptr<pipeline> on_its_way_;
};

/// What an exception of a statement means for the one who ran it.
enum class trouble {
  refused,      ///< The statement itself is wrong; another one may succeed.
  unavailable,  ///< Postgres can't now: disk full, shutting down, cancelled, deadlock. Try the same again later.
  lost          ///< The session is over.
};

struct diagnosis {
  trouble kind = trouble::refused;
  failure error;
};

/// Call it inside a catch block; it looks at the current exception. SQLSTATE decides the code; the message is the
/// server's, which names the constraint.
diagnosis diagnose(const session& s);
/// The same where no session came to be.
failure diagnose_connect();

/// A connection string under which nothing waits for ever on a server that can't be reached: 5 s to connect, and about
/// 10 s for a dead link to be noticed. What the URL sets itself stays.
std::string with_bounds(const std::string& url);

/// A connection string with `more` settings (`key=value`) that the given one does not set itself.
std::string with_default(const std::string& url, const std::string& key, const std::string& setting);

}  // namespace cadre::storage::pg
