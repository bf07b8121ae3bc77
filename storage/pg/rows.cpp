#include "storage/pg/rows.hpp"

namespace cadre::storage::pg {

std::vector<event> read_events(session& db, const std::string& company, std::int64_t seq, std::int64_t limit) {
  const auto rows = db.run(
      "SELECT b.first_seq + e.place - 1, e.event ->> 0, e.event ->> 1, e.event ->> 2, b.at_us FROM "
      "(SELECT first_seq, events, (extract(epoch FROM at) * 1000000)::bigint AS at_us FROM cadre.event_batch "
      "WHERE company = $1 AND last_seq > $2::bigint ORDER BY last_seq LIMIT $3::bigint) b "
      "CROSS JOIN LATERAL json_array_elements(b.events) WITH ORDINALITY AS e (event, place) "
      "WHERE b.first_seq + e.place - 1 > $2::bigint ORDER BY 1 LIMIT $3::bigint",
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
