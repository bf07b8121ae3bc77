#include "storage/event_log.hpp"

#include "storage/pg/rows.hpp"

namespace cadre::storage {

struct event_log::impl {
  std::string url;
  std::string company;
  std::unique_ptr<pg::session> db;

  template <class Body>
  auto guarded(Body&& body) -> result<decltype(body(std::declval<pg::session&>()))> {
    try {
      if (!db || !db->alive()) db = std::make_unique<pg::session>(url);
    } catch (const std::exception&) {
      return tl::unexpected{pg::diagnose_connect()};
    }
    try {
      return body(*db);
    } catch (const std::exception&) {
      return tl::unexpected{pg::diagnose(*db).error};
    }
  }
};

event_log::event_log(std::string url, std::string company) : impl_{std::make_unique<impl>()} {
  impl_->url = std::move(url);
  impl_->company = std::move(company);
}

event_log::~event_log() = default;

result<std::vector<event>> event_log::after(std::int64_t seq, std::int64_t limit) {
  return impl_->guarded([&](pg::session& db) { return pg::read_events(db, impl_->company, seq, limit); });
}

result<std::int64_t> event_log::last() {
  return impl_->guarded([&](pg::session& db) {
    return db.run("SELECT coalesce(max(last_seq), 0) FROM cadre.event_batch WHERE company = $1", impl_->company)[0][0]
        .as<std::int64_t>();
  });
}

}  // namespace cadre::storage
