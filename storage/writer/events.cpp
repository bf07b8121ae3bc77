#include "storage/writer/handlers.hpp"

namespace cadre::storage::writer {

void write_events(unit& u) {
  if (u.events.empty()) return;
  std::vector<pg::value> numbers, subjects, whats, data;
  auto seq = u.mem.last_seq;
  for (auto& e : u.events) {
    e.seq = ++seq;
    numbers.push_back(pg::to_value(e.seq));
    subjects.push_back(pg::to_value(e.subject));
    whats.push_back(pg::to_value(e.what));
    data.push_back(pg::to_value(e.data));
  }
  u.db.run(
      "INSERT INTO cadre.event (company, at, seq, subject, what, data) SELECT $1, $2::timestamptz, * "
      "FROM unnest($3::bigint[], $4::text[], $5::text[], $6::jsonb[])",
      u.company(), u.now, numbers, subjects, whats, data);
  u.set(u.mem.last_seq, seq);
}

}  // namespace cadre::storage::writer
