#include "storage/writer/handlers.hpp"

namespace cadre::storage::writer {

namespace {

/// Of one row: readers parse it whole.
constexpr std::size_t batch_bytes_max = 1 << 20;

void append(std::string& array, const event& e) {
  array += array.empty() ? "[[" : ",[";
  array += dump_text(e.subject) + "," + dump_text(e.what) + "," + e.data.text + "]";
}

}  // namespace

void write_events(unit& u) {
  if (u.events.empty()) return;
  auto seq = u.mem.last_seq;
  auto first = seq + 1;
  std::string array;
  const auto close = [&] {
    u.db.send(
        "INSERT INTO cadre.event_batch (company, at, first_seq, last_seq, events) "
        "VALUES ($1, $2::timestamptz, $3::bigint, $4::bigint, $5::json)",
        u.company(), u.now, first, seq, array + "]");
    array.clear();
    first = seq + 1;
  };
  for (auto& e : u.events) {
    e.seq = ++seq;
    append(array, e);
    if (array.size() > batch_bytes_max) close();
  }
  if (!array.empty()) close();
  u.set(u.mem.last_seq, seq);
}

}  // namespace cadre::storage::writer
