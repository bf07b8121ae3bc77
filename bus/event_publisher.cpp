#include "detail/link.hpp"
#include "detail/publish_window.hpp"
#include "detail/stream.hpp"
#include "events.hpp"
#include "schemas/codec.hpp"
#include "schemas/json.hpp"
#include "schemas/log.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace cadre::bus {

namespace {

constexpr std::size_t send_batch = 64;
constexpr std::chrono::milliseconds resend_wait_min{50};

/// An event ready to be sent.
struct letter {
  std::int64_t seq = 0;
  std::string subject;
  std::string bytes;
  std::string acked;         ///< Value of the header.
  std::int64_t follows = 0;  ///< Not 0: only to be stored directly after this event.
  std::uint64_t attempt = 0;
};

/// A life of the publisher's connection.
struct session {
  std::shared_ptr<detail::link> link;
  std::unique_ptr<detail::registration> watch;
};

/// What the server says about a published event.
struct ack {
  result<std::uint64_t> place;  ///< In the stream.
  bool crowded = false;         ///< Refused because the stream does not end with the event it was to follow.
};

ack read_ack(std::string_view bytes) {
  constexpr int err_wrong_last_id = 10070;
  const auto j = nlohmann::json::parse(bytes, nullptr, false);
  if (!j.is_object()) return {fail(errc::bad_message, "an acknowledgement that is not JSON")};
  if (const auto error = j.find("error"); error != j.end())
    return {fail(errc::refused, "the event stream refused an event: " + error->value("description", error->dump())),
            error->value("err_code", 0) == err_wrong_last_id};
  const auto seq = j.find("seq");
  if (seq == j.end() || !seq->is_number_unsigned() || *seq == 0)
    return {fail(errc::bad_message, "an acknowledgement without `seq`")};
  return {seq->get<std::uint64_t>()};
}

}  // namespace

class event_publisher::machine : public std::enable_shared_from_this<machine> {
 public:
  machine(publisher_options o, callbacks c)
      : options_(std::move(o)),
        callbacks_(std::move(c)),
        window_({options_.in_flight_max, options_.buffer_events_max, options_.buffer_bytes_max}) {
    options_.bus.retry_first_connect = false;
    options_.bus.requests_max = options_.in_flight_max + send_batch;
  }

  void start() {
    thread_ = std::thread([this] { run(); });
  }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
      changed_.notify_one();
    }
    thread_.join();
  }

  void restart(std::int64_t from_seq) {
    std::lock_guard lock(mutex_);
    window_.restart(from_seq);
    told_ = from_seq - 1;
    failed_.reset();
    retire();
    changed_.notify_one();
  }

  result<void> publish(std::vector<event> events) {
    std::lock_guard lock(mutex_);
    auto taken = window_.offer(std::move(events));
    if (taken) changed_.notify_one();
    return taken;
  }

  bool ready() {
    std::lock_guard lock(mutex_);
    return window_.state() == detail::publish_window::phase::open;
  }

  std::size_t backlog() {
    std::lock_guard lock(mutex_);
    return window_.backlog();
  }

 private:
  using lock_type = std::unique_lock<std::mutex>;
  using stop_note = std::optional<detail::publish_window::stop>;

  /// Makes answers that belong to the present session meaningless. The thread closes it, since that may wait.
  void retire() {
    ++generation_;
    if (session_.link) retired_.push_back(std::move(session_));
    session_ = {};
  }

  void note(stop_note s) {
    if (!s) return;
    // A stream without a leader answers at once that nobody is there: that must not become a busy loop.
    fruitless_ = s->from_seq <= opened_at_;
    failed_ = std::move(s);
    retire();
  }

  void answered(std::uint64_t generation, std::uint64_t attempt, std::int64_t seq, const ack& a) {
    std::lock_guard lock(mutex_);
    if (generation != generation_ || attempt != attempt_) return;
    if (a.crowded) {
      ++attempt_;
      window_.rewind();
    } else {
      if (a.place) retry_wait_ = resend_wait_min;
      note(a.place ? window_.acked(seq, *a.place) : window_.failed(a.place.error()));
    }
    changed_.notify_one();
  }

  void lost(std::uint64_t generation) {
    std::lock_guard lock(mutex_);
    if (generation != generation_) return;
    note(window_.failed({errc::unreachable, "the connection to " + without_login(options_.bus.url) + " was lost"}));
    changed_.notify_one();
  }

  void run() {
    lock_type lock(mutex_);
    while (!stopped_) {
      if (!close_retired(lock) && !tell(lock) && !connect(lock) && !send(lock)) changed_.wait(lock);
    }
    retire();
    close_retired(lock);
  }

  bool close_retired(lock_type& lock) {
    if (retired_.empty()) return false;
    auto old = std::exchange(retired_, {});
    lock.unlock();
    for (auto& s : old) {
      s.watch.reset();
      s.link->close();
    }
    old.clear();
    lock.lock();
    return true;
  }

  bool tell(lock_type& lock) {
    if (const auto acked = window_.acked_seq(); acked > told_) {
      told_ = acked;
      lock.unlock();
      if (callbacks_.on_acked) callbacks_.on_acked(acked);
      lock.lock();
      return true;
    }
    if (!failed_) return false;
    const auto stop = *std::exchange(failed_, {});
    lock.unlock();
    log::warn("events: publishing stopped before event {}: {}", stop.from_seq, stop.why.message);
    if (callbacks_.on_failed) callbacks_.on_failed(stop.from_seq, stop.why);
    lock.lock();
    return true;
  }

  bool connect(lock_type& lock) {
    if (window_.state() != detail::publish_window::phase::connecting) return false;
    const std::uint64_t generation = generation_;
    if (std::exchange(fruitless_, false)) wait_longer(lock, generation);
    if (generation != generation_ || stopped_) return true;
    lock.unlock();
    auto made = open_session(generation);
    lock.lock();
    if (generation != generation_ || stopped_) {
      if (made) retired_.push_back(std::move(made->first));
      return true;
    }
    if (!made) {
      log::warn("events: {}; trying again", made.error().message);
      wait_longer(lock, generation);
      return true;
    }
    session_ = std::move(made->first);
    opened_at_ = made->second.seq + 1;
    note(window_.opened(made->second.seq, made->second.stream_seq));
    if (session_.link && !session_.link->connected())
      note(window_.failed({errc::unreachable, "the connection was lost at once"}));
    return true;
  }

  void wait_longer(lock_type& lock, std::uint64_t generation) {
    changed_.wait_for(lock, retry_wait_, [&] { return stopped_ || generation != generation_; });
    retry_wait_ = std::min(retry_wait_ * 2, options_.retry_wait_max);
  }

  result<std::pair<session, detail::stream_position>> open_session(std::uint64_t generation) {
    auto link = detail::link::open(options_.bus, false);
    if (!link) return tl::unexpected(link.error());
    session s{*link, nullptr};
    s.watch = (*link)->on_status([weak = weak_from_this(), generation](bool connected) {
      if (auto self = weak.lock(); self && !connected) self->lost(generation);
    });
    auto position = position_of(**link);
    if (position) return std::pair{std::move(s), *position};
    s.watch.reset();
    s.link->close();
    return tl::unexpected(position.error());
  }

  /// An old stream without events of ours has let them go by age; they are not lost.
  result<detail::stream_position> position_of(detail::link& link) {
    const auto created = detail::ensure_stream(link, options_.stream);
    if (!created) return tl::unexpected(created.error());
    auto position = detail::last_position(link, options_.bus.company);
    if (position && position->seq == 0 && now() - *created > options_.stream.max_age) {
      std::lock_guard lock(mutex_);
      position->seq = window_.acked_seq();
    }
    return position;
  }

  bool send(lock_type& lock) {
    std::vector<letter> letters;
    while (letters.size() < send_batch) {
      const auto* e = window_.next();
      if (e == nullptr) break;
      letters.push_back(write(*e));
      letters.back().attempt = attempt_;
      if (options_.stream.replicas > 1 && window_.in_flight() > 0) letters.back().follows = e->seq - 1;
      window_.sent();
    }
    if (letters.empty()) return false;
    const auto link = session_.link;
    const std::uint64_t generation = generation_;
    lock.unlock();
    for (const auto& l : letters) {
      if (generation_ != generation) break;  // Stopped meanwhile: nothing later may follow what failed.
      post(*link, generation, l);
    }
    lock.lock();
    return true;
  }

  letter write(const event& e) const {
    letter l;
    l.seq = e.seq;
    l.subject = e.subject;
    l.acked = std::to_string(window_.acked_seq()) + " " + std::to_string(window_.acked_stream_seq());
    envelope around;
    around.id = new_id<message_id>();
    around.company = options_.bus.company;
    around.from = options_.from;
    around.sent_at = now();
    around.body = e;
    l.bytes = codec::encode(around);
    constexpr std::size_t headers_bytes = 512;
    if (l.bytes.size() + headers_bytes > options_.bus.message_bytes_max) {
      std::get<event>(around.body).data.text = R"({"omitted_bytes":)" + std::to_string(e.data.text.size()) + "}";
      l.bytes = codec::encode(around);
    }
    return l;
  }

  void post(detail::link& link, std::uint64_t generation, const letter& l) {
    const std::array<std::pair<const char*, std::string>, 5> headers{
        {{"Nats-Msg-Id", message_id_of(l.seq)},
         {detail::seq_header, std::to_string(l.seq)},
         {detail::acked_header, l.acked},
         {"Content-Type", std::string(codec::msgpack_type)},
         {"Nats-Expected-Last-Msg-Id", message_id_of(l.follows)}}};
    const detail::headers all{headers};
    link.request(l.subject, l.follows == 0 ? all.first(headers.size() - 1) : all, l.bytes, options_.ack_timeout,
                 [weak = weak_from_this(), generation, attempt = l.attempt, seq = l.seq](result<natsMsg*> answer) {
                   const auto self = weak.lock();
                   if (!self) return;
                   self->answered(generation, attempt, seq,
                                  answer ? read_ack(detail::bytes_of(**answer)) : ack{tl::unexpected(answer.error())});
                 });
  }

  [[nodiscard]] std::string message_id_of(std::int64_t seq) const {
    return options_.bus.company + "-" + std::to_string(seq);
  }

  publisher_options options_;
  callbacks callbacks_;
  std::thread thread_;

  std::mutex mutex_;  ///< Guards what follows. Callbacks and I/O happen outside of it.
  std::condition_variable changed_;
  bool stopped_ = false;
  detail::publish_window window_;
  std::uint64_t attempt_ = 0;  ///< Numbers the times that what was sent is sent again; older answers are ignored.
  std::atomic<std::uint64_t> generation_{0};  ///< Numbers sessions; answers of another one are ignored.
  session session_;
  std::vector<session> retired_;
  stop_note failed_;
  std::int64_t told_ = 0;  ///< The last sequence given to on_acked.
  std::chrono::milliseconds retry_wait_ = resend_wait_min;
  std::int64_t opened_at_ = 0;  ///< The first event that the stream did not have when the session began.
  bool fruitless_ = false;      ///< The last session ended before it brought one event in.
};

event_publisher::event_publisher(publisher_options o, callbacks c)
    : machine_(std::make_shared<machine>(std::move(o), std::move(c))) {
  machine_->start();
}

event_publisher::~event_publisher() {
  machine_->stop();
}

void event_publisher::restart(std::int64_t from_seq) {
  machine_->restart(from_seq);
}
result<void> event_publisher::publish(std::vector<event> events) {
  return machine_->publish(std::move(events));
}
bool event_publisher::ready() const {
  return machine_->ready();
}
std::size_t event_publisher::backlog() const {
  return machine_->backlog();
}

}  // namespace cadre::bus
