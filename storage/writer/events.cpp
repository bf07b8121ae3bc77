#include "storage/writer/handlers.hpp"

namespace cadre::storage::writer {

namespace {

/// Of one row: readers parse it whole.
constexpr std::size_t batch_bytes_max = 1 << 20;

void append(std::string& array, const event& e) {
  array += array.empty() ? "[[" : ",[";
  array += dump(e.subject) + "," + dump(e.what) + "," + e.data.text + "]";
}

}  // namespace

void write_events(unit& u) {
  if (u.events.empty()) return;
  std::vector<pg::value> firsts, lasts, batches;
  auto seq = u.mem.last_seq;
  std::string array;
  const auto close = [&] {
    lasts.push_back(pg::to_value(seq));
    batches.push_back(pg::to_value(array + "]"));
    array.clear();
  };
  for (auto& e : u.events) {
    e.seq = ++seq;
    if (array.empty()) firsts.push_back(pg::to_value(seq));
    append(array, e);
    if (array.size() > batch_bytes_max) close();
  }
  if (!array.empty()) close();
  u.db.send(
      "INSERT INTO cadre.event_batch (company, at, first_seq, last_seq, events) SELECT $1, $2::timestamptz, * "
      "FROM unnest($3::bigint[], $4::bigint[], $5::json[])",
      u.company(), u.now, firsts, lasts, batches);
  u.set(u.mem.last_seq, seq);
}

}  // namespace cadre::storage::writer
