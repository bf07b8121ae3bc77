#include "storage/pg/session.hpp"

namespace cadre::storage::pg {

namespace {

/// libpqxx keeps libpq's connection to itself, but asks its policy to make it.
class raw_connect : public pqxx::connect_direct {
 public:
  using connect_direct::connect_direct;
  handle do_startconnect(handle old) override { return made_ = connect_direct::do_startconnect(old); }
  [[nodiscard]] PGconn* made() const noexcept { return reinterpret_cast<PGconn*>(made_); }

 private:
  handle made_ = nullptr;
};

// libpqxx marks the call as deprecated because version 7 never reconnects at all, which is what is wanted here.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void never_reconnect(pqxx::connection_base& connection) {
  connection.inhibit_reactivation(true);
}
#pragma GCC diagnostic pop

std::string one_line(std::string_view text) {
  std::string out{text.substr(0, text.find_last_not_of("\n ") + 1)};
  if (const auto line = out.find("\nLINE "); line != std::string::npos) out.erase(line);
  for (const std::string_view noise : {"\nCONTEXT:"})
    if (const auto at = out.find(noise); at != std::string::npos) out.erase(at);
  for (auto& c : out)
    if (c == '\n') c = ' ';
  if (out.starts_with("ERROR:  ")) out.erase(0, 8);
  return out;
}

errc code_of(std::string_view state, std::string_view message) {
  if (state == "23505") return errc::duplicate_key;
  if (state == "23503") return errc::not_found;
  if (state == "23514") {
    if (message.find(" may not become ") != std::string_view::npos) return errc::illegal_transition;
    for (const std::string_view doctrine :
         {"nobody_blesses_his_own_work", "nothing becomes canonical", "nobody_watches_himself"})
      if (message.find(doctrine) != std::string_view::npos) return errc::refused;
    return errc::bad_value;
  }
  if (state.starts_with("22") || state.starts_with("23") || state == "54000") return errc::bad_value;
  return errc::storage;
}

/// Hears the server's notices; all but one are of no interest.
class notice_watch : public pqxx::quiet_errorhandler {
 public:
  using quiet_errorhandler::quiet_errorhandler;
  bool operator()(const char text[]) noexcept override {
    // By its words: notices reach us without their code. See SyncRepWaitForLSN in Postgres' syncrep.c.
    if (std::string_view{text}.find("might not have been replicated") != std::string_view::npos) unreplicated = true;
    return false;
  }
  bool unreplicated = false;
};

/// A commit that was told to stop waiting for the replica is on this server, and nobody knows whether on another.
void check_replicated(const pqxx::quiet_errorhandler& notices) {
  if (static_cast<const notice_watch&>(notices).unreplicated)
    throw pqxx::in_doubt_error{"committed here, but perhaps not on the synchronous replica"};
}

bool is_passing(std::string_view state) {
  for (const std::string_view passing : {"40", "53", "57", "58"})
    if (state.starts_with(passing)) return true;
  return state == "55P03" || state == "25006";
}

}  // namespace

class raw_connection : public pqxx::connection_base {
 public:
  explicit raw_connection(const std::string& url) : connection_base{policy_}, policy_{url} { init(); }
  ~raw_connection() noexcept { close(); }
  raw_connection(const raw_connection&) = delete;
  raw_connection& operator=(const raw_connection&) = delete;
  [[nodiscard]] PGconn* raw() const noexcept { return policy_.made(); }

 private:
  raw_connect policy_;
};

session::session(const std::string& url)
    : connection_{std::make_unique<raw_connection>(with_bounds(url))},
      silence_{std::make_unique<notice_watch>(*connection_)},
      on_its_way_{std::make_unique<pipeline>(connection_->raw())} {
  never_reconnect(*connection_);
  statements_ = std::make_unique<pqxx::nontransaction>(*connection_);
  // Compiling a plan takes longer than any statement here should run. And a plan that was made while a table was empty
  // stays in use as it grows: it must go by index. Plans over partitions look dearer than they are, since those that
  // will not be touched are counted, and would be made anew each time.
  script(
      "SET timezone = 'UTC'; SET client_encoding = 'UTF8'; SET client_min_messages = 'warning'; SET jit = off; "
      "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan");
}

session::~session() = default;

pqxx::result session::run_values(const char* sql, const std::vector<value>& values) {
  finish();
  auto found = prepared_.find(sql);
  if (found == prepared_.end()) {
    const auto name = "s" + std::to_string(prepared_.size());
    connection_->prepare(name, sql);
    found = prepared_.emplace(sql, name).first;
  }
  std::vector<const char*> texts;
  texts.reserve(values.size());
  for (const auto& v : values) texts.push_back(v ? v->c_str() : nullptr);
  auto rows = statements_->exec_prepared(found->second, pqxx::prepare::make_dynamic_params(texts));
  check_replicated(*silence_);
  return rows;
}

void session::finish() {
  if (on_its_way_->empty()) return;
  on_its_way_->finish();
  check_replicated(*silence_);
}

pqxx::result session::script(const std::string& sql) {
  finish();
  auto rows = statements_->exec(sql);
  check_replicated(*silence_);
  return rows;
}

std::string session::quoted_name(const std::string& name) {
  return connection_->quote_name(name);
}

std::string session::quoted(const std::string& text) {
  return connection_->quote(text);
}

bool session::alive() const noexcept {
  return connection_->is_open();
}

diagnosis diagnose(const session& s) {
  try {
    throw;
  } catch (const bad_text& e) {
    return {trouble::refused, {errc::bad_value, e.message}};
  } catch (const pqxx::in_doubt_error& e) {
    return {trouble::lost, {errc::in_doubt, one_line(e.what())}};
  } catch (const pqxx::transaction_rollback& e) {
    return {s.alive() ? trouble::unavailable : trouble::lost, {errc::storage, one_line(e.what())}};
  } catch (const pqxx::insufficient_resources& e) {
    return {s.alive() ? trouble::unavailable : trouble::lost, {errc::storage, one_line(e.what())}};
  } catch (const pqxx::sql_error& e) {
    const auto message = one_line(e.what());
    if (!s.alive()) return {trouble::lost, {errc::unreachable, message}};
    const auto kind = is_passing(e.sqlstate()) ? trouble::unavailable : trouble::refused;
    return {kind, {code_of(e.sqlstate(), message), message}};
  } catch (const pqxx::broken_connection& e) {
    return {trouble::lost, {errc::unreachable, one_line(e.what())}};
  } catch (const std::exception& e) {
    if (!s.alive()) return {trouble::lost, {errc::unreachable, one_line(e.what())}};
    return {trouble::refused, {errc::internal, e.what()}};
  }
}

failure diagnose_connect() {
  try {
    throw;
  } catch (const std::exception& e) {
    return {errc::unreachable, "the database can't be reached: " + one_line(e.what())};
  }
}

std::string with_bounds(const std::string& url) {
  auto bounded = url;
  // A link that is cut without a word: data that nobody takes, and silence while an answer is awaited.
  for (const auto& [key, setting] :
       {std::pair{"connect_timeout", "5"}, std::pair{"tcp_user_timeout", "10000"}, std::pair{"keepalives_idle", "5"},
        std::pair{"keepalives_interval", "2"}, std::pair{"keepalives_count", "3"}})
    bounded = with_default(bounded, key, setting);
  return bounded;
}

std::string with_default(const std::string& url, const std::string& key, const std::string& setting) {
  if (url.find(key + "=") != std::string::npos) return url;
  if (url.find("://") == std::string::npos) return url + " " + key + "=" + setting;
  return url + (url.find('?') == std::string::npos ? '?' : '&') + key + '=' + setting;
}

}  // namespace cadre::storage::pg
