#include "storage/pg/pipeline.hpp"

#include <pqxx/except>

#include <memory>
#include <optional>

namespace cadre::storage::pg {

namespace {

using answer = std::unique_ptr<PGresult, void (*)(PGresult*)>;

answer next(PGconn* connection) {
  return {PQgetResult(connection), PQclear};
}

[[noreturn]] void throw_broken(PGconn* connection) {
  throw pqxx::broken_connection{PQerrorMessage(connection)};
}

/// The refusal that an answer is, if it is one.
std::optional<pqxx::sql_error> refusal(const PGresult* a, const char* sql) {
  switch (PQresultStatus(a)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_PIPELINE_ABORTED:  // Behind one that was refused.
      return std::nullopt;
    default:
      return pqxx::sql_error{PQresultErrorMessage(a), sql, PQresultErrorField(a, PG_DIAG_SQLSTATE)};
  }
}

}  // namespace

void pipeline::check_sent(int ok) const {
  if (ok != 1) throw_broken(connection_);
}

void pipeline::send(const char* sql, std::span<const parameter> values) {
  if (sent_.empty()) check_sent(PQenterPipelineMode(connection_));
  auto found = prepared_.find(sql);
  if (found == prepared_.end()) {
    const auto name = "p" + std::to_string(names_made_++);
    check_sent(PQsendPrepare(connection_, name.c_str(), sql, 0, nullptr));
    sent_.push_back({sql, true});
    found = prepared_.emplace(sql, name).first;
  }
  std::vector<const char*> bytes;
  std::vector<int> lengths, formats;
  for (const auto& [v, binary] : values) {
    bytes.push_back(v ? v->c_str() : nullptr);
    lengths.push_back(v ? static_cast<int>(v->size()) : 0);  // Of use for binary ones alone.
    formats.push_back(binary ? 1 : 0);
  }
  check_sent(PQsendQueryPrepared(connection_, found->second.c_str(), static_cast<int>(bytes.size()), bytes.data(),
                                 lengths.data(), formats.data(), 0));
  sent_.push_back({sql, false});
  // It begins now, not when the next one is sent.
  if (PQflush(connection_) < 0) throw_broken(connection_);
}

void pipeline::finish() {
  if (sent_.empty()) return;
  check_sent(PQpipelineSync(connection_));
  std::optional<pqxx::sql_error> refused;
  for (const auto& [sql, prepares] : sent_) {
    auto a = next(connection_);
    if (!a) throw_broken(connection_);
    // A server that ends the session says so in place of an answer; what follows is nothing.
    if (PQstatus(connection_) != CONNECTION_OK) throw_broken(connection_);
    if (const auto no = refusal(a.get(), sql); no && !refused) refused.emplace(*no);
    if (prepares && PQresultStatus(a.get()) != PGRES_COMMAND_OK) prepared_.erase(sql);
    while (a) a = next(connection_);
  }
  if (const auto sync = next(connection_); !sync || PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC)
    throw_broken(connection_);
  sent_.clear();
  check_sent(PQexitPipelineMode(connection_));
  if (refused) throw *refused;
}

void pipeline::abandon() noexcept {
  try {
    if (PQstatus(connection_) == CONNECTION_OK) finish();
  } catch (const std::exception&) {  // Whoever abandons them knows why.
  }
  sent_.clear();
}

}  // namespace cadre::storage::pg
