#include "storage/pg/rows.hpp"

namespace cadre::storage::pg {

std::vector<event> read_events(session& db, const std::string& company, std::int64_t seq, std::int64_t limit) {
  const auto rows = db.run(
      "SELECT seq, subject, what, data::text, (extract(epoch FROM at) * 1000000)::bigint FROM cadre.event "
      "WHERE company = $1 AND seq > $2::bigint ORDER BY seq LIMIT $3::bigint",
      company, seq, limit);
  std::vector<event> events;
  events.reserve(rows.size());
  for (const auto& row : rows) {
    event e;
    e.seq = row[0].as<std::int64_t>();
    e.subject = row[1].as<std::string>();
    e.what = row[2].as<std::string>();
    e.data.text = row[3].as<std::string>();
    e.at.us = row[4].as<std::int64_t>();
    events.push_back(std::move(e));
  }
  return events;
}

}  // namespace cadre::storage::pg
