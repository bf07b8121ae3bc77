#include "detail/ack_subject.hpp"
#include "detail/link.hpp"
#include "detail/reading.hpp"
#include "detail/stream.hpp"
#include "events.hpp"
#include "schemas/json.hpp"
#include "schemas/log.hpp"
#include "schemas/subjects.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

namespace cadre::bus {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds retry_wait_min{100};
constexpr std::chrono::milliseconds retry_wait_max{2000};

std::int64_t nanoseconds(std::chrono::milliseconds d) {
  return std::chrono::nanoseconds(d).count();
}

std::string api(std::string_view call, std::string_view consumer) {
  return "$JS.API.CONSUMER." + std::string(call) + "." + std::string(subjects::event_stream) + "." +
         std::string(consumer);
}

}  // namespace

std::string durable_name(std::string_view company, const agent_path& auditor, const agent_path& worker) {
  auto name = std::string(company) + "__" + auditor.text + "__" + worker.text;
  std::ranges::replace(name, '.', '_');
  return name;
}

struct delivery::state {
  state() = default;
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state();

  envelope message;
  std::int64_t count = 0;
  std::string ack_subject;
  std::weak_ptr<detail::link> link;
  std::chrono::milliseconds dropped_wait{0};
  std::shared_ptr<const std::atomic<std::uint64_t>> lives;  ///< Of the consumer, counted.
  std::uint64_t life = 0;                                   ///< In which it was delivered.
  std::atomic<bool> answered{false};

  /// The consumer was made anew since: there is nobody to answer, and in its place may be another event.
  [[nodiscard]] bool void_now() const { return lives && *lives != life; }
};

namespace {

std::string nak_text(std::chrono::milliseconds delay) {
  return R"(-NAK {"delay": )" + std::to_string(nanoseconds(delay)) + "}";
}

}  // namespace

delivery::state::~state() {
  if (answered || void_now()) return;
  if (const auto l = link.lock()) static_cast<void>(l->send(ack_subject, {}, {}, nak_text(dropped_wait)));
}

const event& delivery::what() const noexcept {
  return std::get<event>(state_->message.body);
}
const envelope& delivery::around() const noexcept {
  return state_->message;
}
std::int64_t delivery::count() const noexcept {
  return state_->count;
}

result<void> delivery::answer(const std::string& text, bool last) const {
  if (last ? state_->answered.exchange(true) : state_->answered.load()) return {};
  if (state_->void_now()) return {};
  const auto link = state_->link.lock();
  if (!link) return fail(errc::unreachable, "the bus connection was closed");
  auto sent = link->send(state_->ack_subject, {}, {}, text);
  if (!sent && last) state_->answered = false;
  return sent;
}

result<void> delivery::ack() const {
  return answer("+ACK", true);
}
result<void> delivery::nak(std::chrono::milliseconds delay) const {
  return answer(nak_text(delay), true);
}
result<void> delivery::in_progress() const {
  return answer("+WPI", false);
}
result<void> delivery::term() const {
  return answer("+TERM", true);
}

/// Creates, then pulls; anything odd leads back to creating, which is idempotent. One pull is out at a time.
class event_consumer::machine : public std::enable_shared_from_this<machine> {
 public:
  machine(const std::shared_ptr<detail::link>& link, consumer_options o, handler h)
      : link_(link), options_(std::move(o)), handler_(std::move(h)) {}

  void start() {
    const auto link = link_.lock();
    inbox_ = link->add_inbox(options_.name, address_, [weak = weak_from_this()](natsMsg& m) {
      if (auto self = weak.lock()) self->arrived(m);
    });
    watch_ = link->on_status([weak = weak_from_this()](bool connected) {
      if (auto self = weak.lock(); self && connected) self->create();
    });
    create();
    tick();
  }

  void stop() {
    stopped_ = true;
    watch_.reset();
    inbox_.reset();
  }

  bool ready() const { return pulling_; }

 private:
  /// Asks for the durable consumer. An answer to an older attempt is ignored.
  void create() {
    const auto link = link_.lock();
    if (!link || stopped_) return;
    pulling_ = false;
    const std::uint64_t attempt = ++attempt_;
    const nlohmann::json body{{"stream_name", subjects::event_stream},
                              {"config",
                               {{"durable_name", options_.name},
                                {"deliver_policy", "all"},
                                {"ack_policy", "explicit"},
                                {"ack_wait", nanoseconds(options_.ack_wait)},
                                {"max_deliver", options_.deliver_max},
                                {"filter_subject", options_.filter},
                                {"replay_policy", "instant"},
                                {"max_ack_pending", options_.ack_pending_max}}}};
    link->request(api("DURABLE.CREATE", options_.name), {}, body.dump(), link->settings.request_timeout,
                  [weak = weak_from_this(), attempt](result<natsMsg*> answer) {
                    if (auto self = weak.lock()) self->created(attempt, answer);
                  });
  }

  void created(std::uint64_t attempt, const result<natsMsg*>& answer) {
    if (attempt != attempt_ || stopped_) return;
    failure why;
    if (answer) {
      const auto j = nlohmann::json::parse(detail::bytes_of(**answer), nullptr, false);
      if (!j.is_object())
        why = {errc::bad_message, "an answer that is not JSON"};
      else if (const auto error = j.find("error"); error != j.end())
        why = {errc::refused, error->dump()};
      else
        note_birth(j.value("created", ""));
    } else {
      why = answer.error();
    }
    if (why.code == errc::none) {
      retry_wait_ms_ = retry_wait_min.count();
      pulling_ = true;
      pull();
      return;
    }
    if (retry_wait_ms_ == retry_wait_min.count())
      log::warn("events: consumer {} can't be created: {}; trying again", options_.name, why.message);
    create_later(attempt);
  }

  /// The server says when it made the consumer; another time than before means that the old one was lost.
  void note_birth(const std::string& created) {
    std::lock_guard lock(mutex_);
    if (!born_.empty() && born_ != created) ++*lives_;
    born_ = created;
  }

  void create_later(std::uint64_t attempt) {
    const auto link = link_.lock();
    if (!link) return;
    const std::chrono::milliseconds wait{retry_wait_ms_.load()};
    retry_wait_ms_ = std::min(wait * 2, retry_wait_max).count();
    link->timers().add(wait, [weak = weak_from_this(), attempt] {
      if (auto self = weak.lock(); self && self->attempt_ == attempt) self->create();
    });
  }

  void pull() {
    const auto link = link_.lock();
    if (!link || stopped_) return;
    std::string reply;
    {
      std::lock_guard lock(mutex_);
      left_ = options_.batch;
      heard_at_ = clock::now();
      pull_address_ = reply = address_ + std::to_string(++pulls_);
    }
    const nlohmann::json body{{"batch", options_.batch},
                              {"expires", nanoseconds(options_.pull_expires)},
                              {"idle_heartbeat", nanoseconds(options_.heartbeat)}};
    if (!link->send(api("MSG.NEXT", options_.name), reply, {}, body.dump())) create_later(attempt_);
  }

  void arrived(natsMsg& m) {
    const std::uint64_t attempt = attempt_;
    const auto bytes = detail::bytes_of(m);
    const auto status = bytes.empty() ? detail::header_of(m, "Status") : std::string{};
    bool present = false, done = false;
    {
      std::lock_guard lock(mutex_);
      heard_at_ = clock::now();
      present = pull_address_ == natsMsg_GetSubject(&m);
      if (status.empty()) done = --left_ == 0;
    }
    if (status.empty()) {
      pass_on(m);
    } else if (present && (status == "408" || status == "404")) {
      done = true;
    } else if (present && status != "100") {
      log::info("events: consumer {}: status {} {}", options_.name, status, detail::header_of(m, "Description"));
      pulling_ = false;
      create_later(attempt);
    }
    if (done && pulling_) pull();
  }

  void pass_on(natsMsg& m) {
    const auto link = link_.lock();
    if (!link || stopped_) return;
    auto s = std::make_shared<delivery::state>();
    s->ack_subject = natsMsg_GetReply(&m) != nullptr ? natsMsg_GetReply(&m) : "";
    s->count = detail::ack_subject::read(s->ack_subject).delivered;
    s->link = link;
    s->dropped_wait = options_.dropped_wait;
    s->lives = lives_;
    s->life = *lives_;
    auto r = detail::read_message(link->settings.company, natsMsg_GetSubject(&m), detail::header_of(m, "Content-Type"),
                                  detail::bytes_of(m), link->settings.message_bytes_max);
    const bool is_event = r.message && std::holds_alternative<event>(r.message->body);
    if (!is_event) {
      const failure why = r.message ? failure{errc::unknown_kind, "not an event"} : r.message.error();
      link->note_refusal({natsMsg_GetSubject(&m), r.sender, why});
      static_cast<void>(delivery(std::move(s)).term());
      return;
    }
    s->message = std::move(*r.message);
    handler_(delivery(std::move(s)));
  }

  /// The server's heartbeats stopped, although a pull is out: the consumer may be gone.
  void tick() {
    const auto link = link_.lock();
    if (!link || stopped_) return;
    bool silent = false;
    {
      std::lock_guard lock(mutex_);
      silent = pulling_ && clock::now() - heard_at_ > options_.heartbeat * 5 / 2;
    }
    if (silent && link->connected()) create();
    link->timers().add(options_.heartbeat, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->tick();
    });
  }

  std::weak_ptr<detail::link> link_;
  const consumer_options options_;
  const handler handler_;
  std::string address_;
  std::unique_ptr<detail::registration> inbox_, watch_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> pulling_{false};
  std::atomic<std::uint64_t> attempt_{0};
  std::atomic<std::int64_t> retry_wait_ms_{retry_wait_min.count()};

  const std::shared_ptr<std::atomic<std::uint64_t>> lives_ = std::make_shared<std::atomic<std::uint64_t>>(0);

  std::mutex mutex_;  ///< Guards what follows: the consumer's birth, and the pull that is out.
  std::string born_;
  std::string pull_address_;
  std::uint64_t pulls_ = 0;
  int left_ = 0;
  clock::time_point heard_at_{};
};

event_consumer::event_consumer(connection& bus, consumer_options o, handler h)
    : machine_(std::make_shared<machine>(bus.wire(), std::move(o), std::move(h))) {
  machine_->start();
}

event_consumer::~event_consumer() {
  if (machine_) machine_->stop();
}

event_consumer::event_consumer(event_consumer&&) noexcept = default;

event_consumer& event_consumer::operator=(event_consumer&& other) noexcept {
  if (this == &other) return *this;
  if (machine_) machine_->stop();
  machine_ = std::move(other.machine_);
  return *this;
}

bool event_consumer::ready() const {
  return machine_ && machine_->ready();
}

result<void> delete_consumer(connection& bus, const std::string& name) {
  constexpr int err_no_consumer = 10014, err_no_stream = 10059;
  auto& link = *bus.wire();
  auto answer = link.request_wait(api("DELETE", name), {}, link.settings.request_timeout);
  if (!answer) return tl::unexpected(answer.error());
  const auto j = nlohmann::json::parse(*answer, nullptr, false);
  if (!j.is_object()) return fail(errc::bad_message, "an answer that is not JSON");
  const auto error = j.find("error");
  if (error == j.end()) return {};
  const auto code = error->value("err_code", 0);
  if (code == err_no_consumer || code == err_no_stream) return {};
  return fail(errc::refused, "deleting the consumer " + name + ": " + error->dump());
}

}  // namespace cadre::bus
