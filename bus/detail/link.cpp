#include "link.hpp"

#include "schemas/log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <future>
#include <sstream>
#include <utility>

namespace cadre::bus::detail {

namespace {

constexpr std::size_t refused_senders_max = 1024;
constexpr int delivery_threads = 4;

std::weak_ptr<link>* keep(void* self) {
  return static_cast<std::weak_ptr<link>*>(self);
}

/// natsOptions_SetURL takes one URL only.
natsStatus set_servers(natsOptions* o, const std::string& list) {
  std::vector<std::string> urls;
  std::istringstream in(list);
  for (std::string url; std::getline(in, url, ',');)
    if (!url.empty()) urls.push_back(url);
  std::vector<const char*> pointers;
  for (const auto& url : urls) pointers.push_back(url.c_str());
  if (pointers.empty()) return NATS_INVALID_ARG;
  return natsOptions_SetServers(o, pointers.data(), static_cast<int>(pointers.size()));
}

void prepare_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    nats_Open(-1);
    nats_SetMessageDeliveryPoolSize(delivery_threads);
  });
}

}  // namespace

template <class... Args>
struct link::watcher : registration {
  using table = std::map<std::uint64_t, std::shared_ptr<guarded<Args...>>>;
  watcher(std::shared_ptr<link> of, table link::*in, std::function<void(Args...)> handler)
      : owner(std::move(of)), place(in), guard(std::make_shared<guarded<Args...>>(std::move(handler))) {
    std::lock_guard lock(owner->mutex_);
    id = ++owner->next_token_;
    ((*owner).*place).emplace(id, guard);
  }
  ~watcher() override {
    guard->close();
    std::lock_guard lock(owner->mutex_);
    ((*owner).*place).erase(id);
  }
  static void tell(link& l, table link::*in, Args... args) {
    std::vector<std::shared_ptr<guarded<Args...>>> all;
    {
      std::lock_guard lock(l.mutex_);
      for (const auto& [key, g] : l.*in) all.push_back(g);
    }
    for (const auto& g : all) g->call(args...);
  }

  std::shared_ptr<link> owner;
  table link::*place;
  std::shared_ptr<guarded<Args...>> guard;
  std::uint64_t id = 0;
};

result<std::shared_ptr<link>> link::open(options o, bool reconnect) {
  prepare_library();
  std::shared_ptr<link> l(new link(std::move(o)));
  if (auto done = l->connect(reconnect); !done) {
    l->close();
    return tl::unexpected(done.error());
  }
  return l;
}

link::~link() {
  close();
}

result<void> link::configure(natsOptions* o, bool reconnect, void* self) {
  const auto ms = [](std::chrono::milliseconds d) { return static_cast<std::int64_t>(d.count()); };
  const auto on_changed = [](natsConnection* c, void* s) { changed_by_nats(c, s); };
  const auto on_reconnected = [](natsConnection* c, void* s) {
    if (auto l = keep(s)->lock()) l->reconnects_.fetch_add(1);
    changed_by_nats(c, s);
  };
  const auto on_closed = [](natsConnection* c, void* s) {
    changed_by_nats(c, s);
    delete keep(s);
  };
  const auto on_error = [](natsConnection*, natsSubscription* sub, natsStatus status, void* s) {
    auto l = keep(s)->lock();
    if (l && status == NATS_SLOW_CONSUMER && sub != nullptr) l->slow(sub);
  };
  const auto& s = settings;
  natsStatus st = set_servers(o, s.url);
  const auto then = [&st](natsStatus next) {
    if (st == NATS_OK) st = next;
  };
  then(natsOptions_SetName(o, s.name.c_str()));
  then(natsOptions_SetTimeout(o, ms(s.connect_timeout)));
  then(natsOptions_SetAllowReconnect(o, reconnect));
  then(natsOptions_SetMaxReconnect(o, -1));
  then(natsOptions_SetReconnectWait(o, ms(s.reconnect_wait)));
  then(natsOptions_SetReconnectJitter(o, ms(s.reconnect_wait), ms(s.reconnect_wait)));
  then(natsOptions_SetReconnectBufSize(o, s.reconnect_buffer_bytes));
  then(natsOptions_SetPingInterval(o, ms(s.ping_interval)));
  then(natsOptions_SetMaxPingsOut(o, 2));
  then(natsOptions_SetWriteDeadline(o, ms(s.write_deadline)));
  then(natsOptions_SetSendAsap(o, true));
  then(natsOptions_UseGlobalMessageDelivery(o, true));
  then(natsOptions_SetDisconnectedCB(o, on_changed, self));
  then(natsOptions_SetReconnectedCB(o, on_reconnected, self));
  then(natsOptions_SetClosedCB(o, on_closed, self));
  then(natsOptions_SetErrorHandler(o, on_error, self));
  if (s.retry_first_connect && reconnect) then(natsOptions_SetRetryOnFailedConnect(o, true, on_changed, self));
  if (st != NATS_OK) return fail(errc::bad_value, "bus options: " + std::string(natsStatus_GetText(st)));
  return {};
}

result<void> link::connect(bool reconnect) {
  natsOptions* raw_options = nullptr;
  if (natsOptions_Create(&raw_options) != NATS_OK) return fail(errc::internal, "out of memory for the bus");
  const nats_ptr<natsOptions> o(raw_options);
  auto self = std::make_unique<std::weak_ptr<link>>(weak_from_this());
  if (auto done = configure(o.get(), reconnect, self.get()); !done) return done;
  natsConnection* c = nullptr;
  const natsStatus status = natsConnection_Connect(&c, o.get());
  if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED)
    return fail(errc::unreachable, "no NATS server answers at " + without_login(settings.url) + ": " +
                                       natsStatus_GetText(status) + "; is it running, and is the URL right?");
  static_cast<void>(self.release());  // Freed by the callback that says that the connection was closed.
  connection_.reset(c);
  // A callback may have told of a change meanwhile: what was read before it must not be the last word.
  const auto now_connected = [c] { return natsConnection_Status(c) == NATS_CONN_STATUS_CONNECTED; };
  do connected_ = now_connected();
  while (connected_ != now_connected());
  return open_inboxes();
}

result<void> link::open_inboxes() {
  natsInbox* name = nullptr;
  if (natsInbox_Create(&name) != NATS_OK) return fail(errc::internal, "out of memory for the bus");
  const nats_ptr<natsInbox> owned(name);
  replies_prefix_ = std::string(name) + ".r.";
  deliveries_prefix_ = std::string(name) + ".d.";
  auto replies = subscribe(replies_prefix_ + "*", [weak = weak_from_this()](natsMsg& m) {
    if (auto self = weak.lock()) self->answered(m);
  });
  if (!replies) return tl::unexpected(replies.error());
  replies_ = std::move(*replies);
  auto deliveries = subscribe(deliveries_prefix_ + ">", [weak = weak_from_this()](natsMsg& m) {
    if (auto self = weak.lock()) self->deliver(m);
  });
  if (!deliveries) return tl::unexpected(deliveries.error());
  deliveries_ = std::move(*deliveries);
  return {};
}

void link::close() {
  if (closed_.exchange(true)) return;
  if (connection_) outbox_.flush();
  connected_ = false;
  if (connection_) natsConnection_Close(connection_.get());
  replies_.reset();
  deliveries_.reset();
  timers_.stop();
  fail_pending({errc::unreachable, "the bus connection was closed"});
}

link::link(options o)
    : settings(std::move(o)),
      outbox_(settings, {[this](const std::string& subject, std::string_view bytes) {
                           return send_now(subject, {}, msgpack_headers(), bytes, 1);
                         },
                         [this](const std::string& subject, std::string_view bytes, std::size_t messages) {
                           return send_batch(subject, bytes, messages);
                         },
                         [this] {
                           timers_.add(std::chrono::milliseconds{0}, [weak = weak_from_this()] {
                             if (const auto self = weak.lock()) self->outbox_.awake();
                           });
                         }}) {}

result<void> link::publish(const std::string& subject, std::string_view message) {
  return outbox_.publish(subject, message, connected_.load(std::memory_order_relaxed));
}

result<void> link::send(const std::string& subject, const std::string& reply_to, headers with, std::string_view bytes) {
  outbox_.flush();
  return send_now(subject, reply_to, with, bytes, 1);
}

result<void> link::send_batch(const std::string& subject, std::string_view bytes, std::size_t messages) {
  static const std::array<std::pair<const char*, std::string>, 1> with{
      {{"Content-Type", std::string{codec::batch_type}}}};
  auto sent = send_now(subject, {}, with, bytes, messages);
  if (sent)
    batches_.fetch_add(1, std::memory_order_relaxed);
  else
    log::error("bus: {} messages to {} were lost: {}", messages, subject, sent.error().message);
  return sent;
}

result<void> link::send_now(const std::string& subject, const std::string& reply_to, headers with,
                            std::string_view bytes, std::size_t messages) {
  const auto size = static_cast<int>(bytes.size());
  const char* reply = reply_to.empty() ? nullptr : reply_to.c_str();
  natsStatus status = NATS_OK;
  if (with.empty()) {
    status = reply != nullptr
                 ? natsConnection_PublishRequest(connection_.get(), subject.c_str(), reply, bytes.data(), size)
                 : natsConnection_Publish(connection_.get(), subject.c_str(), bytes.data(), size);
  } else {
    natsMsg* m = nullptr;
    status = natsMsg_Create(&m, subject.c_str(), reply, bytes.data(), size);
    const nats_ptr<natsMsg> owned(m);
    for (const auto& [name, value] : with)
      if (status == NATS_OK) status = natsMsgHeader_Set(m, name, value.c_str());
    if (status == NATS_OK) status = natsConnection_PublishMsg(connection_.get(), m);
  }
  if (status == NATS_OK) {
    published_.fetch_add(messages, std::memory_order_relaxed);
    return {};
  }
  publish_failed_.fetch_add(messages, std::memory_order_relaxed);
  return tl::unexpected(failure_of(status, "sending to " + subject));
}

void link::request(const std::string& subject, headers with, std::string_view bytes, std::chrono::milliseconds timeout,
                   raw_reply_handler handler) {
  requests_.fetch_add(1, std::memory_order_relaxed);
  const auto fail_later = [this](raw_reply_handler to, failure why) {
    timers_.add(std::chrono::milliseconds{0}, [to = std::move(to), why = std::move(why)] { to(tl::unexpected(why)); });
  };
  std::uint64_t token = 0;
  {
    std::unique_lock lock(mutex_);
    if (closed_ || pending_.size() >= settings.requests_max) {
      lock.unlock();
      if (closed_) return handler(fail(errc::unreachable, "the bus connection was closed"));
      return fail_later(std::move(handler), {errc::busy, "too many requests without an answer on the bus"});
    }
    token = ++next_token_;
    auto text = subject + ": no answer within " + std::to_string(timeout.count()) + " ms";
    auto timer = timers_.add(timeout, [weak = weak_from_this(), token, why = std::move(text)] {
      auto self = weak.lock();
      if (!self) return;
      self->timed_out_.fetch_add(1, std::memory_order_relaxed);
      self->complete(token, fail(errc::unreachable, why));
    });
    pending_.emplace(token, pending{std::move(handler), timer, subject});
  }
  if (auto sent = send(subject, replies_prefix_ + std::to_string(token), with, bytes); !sent)
    timers_.add(std::chrono::milliseconds{0}, [weak = weak_from_this(), token, why = sent.error()] {
      if (auto self = weak.lock()) self->complete(token, tl::unexpected(why));
    });
}

void link::answered(natsMsg& m) {
  const auto token = std::string_view{natsMsg_GetSubject(&m)}.substr(replies_prefix_.size());
  std::uint64_t number = 0;
  std::from_chars(token.data(), token.data() + token.size(), number);
  complete(number, &m);
}

void link::complete(std::uint64_t token, result<natsMsg*> answer) {
  pending p;
  {
    std::lock_guard lock(mutex_);
    const auto found = pending_.find(token);
    if (found == pending_.end()) return;
    p = std::move(found->second);
    pending_.erase(found);
  }
  timers_.cancel(p.timer);
  if (answer && natsMsg_IsNoResponders(*answer)) {
    unanswerable_.fetch_add(1, std::memory_order_relaxed);
    answer = fail(errc::unreachable, p.subject + ": nobody is subscribed");
  }
  p.handler(answer);
}

result<std::string> link::request_wait(const std::string& subject, std::string_view bytes,
                                       std::chrono::milliseconds timeout) {
  auto answer = std::make_shared<std::promise<result<std::string>>>();
  auto future = answer->get_future();
  request(subject, {}, bytes, timeout, [answer](result<natsMsg*> r) {
    answer->set_value(r.map([](natsMsg* m) { return std::string(bytes_of(*m)); }));
  });
  return future.get();
}

void link::changed_by_nats(natsConnection* connection, void* self) {
  if (auto l = keep(self)->lock()) l->changed(connection);
}

/// May be called before natsConnection_Connect() has returned, when connection_ is not set yet.
void link::changed(natsConnection* connection) {
  if (closed_) return;
  const bool now_connected = natsConnection_Status(connection) == NATS_CONN_STATUS_CONNECTED;
  const bool ended = !now_connected && natsConnection_IsClosed(connection);
  if (ended) fail_pending({errc::unreachable, "the bus connection was lost"});
  if (connected_.exchange(now_connected) == now_connected) return;
  if (now_connected)
    log::info("bus: {} connected to {}", settings.name, without_login(settings.url));
  else
    log::warn("bus: {} lost its connection to {}{}", settings.name, without_login(settings.url),
              ended ? " for good" : "");
  watcher<bool>::tell(*this, &link::status_watchers_, now_connected);
}

void link::fail_pending(const failure& why) {
  std::unordered_map<std::uint64_t, pending> left;
  {
    std::lock_guard lock(mutex_);
    left.swap(pending_);
  }
  std::map<std::uint64_t, pending*> in_order;
  for (auto& [token, p] : left) in_order.emplace(token, &p);
  for (auto& [token, p] : in_order) {
    timers_.cancel(p->timer);
    p->handler(tl::unexpected(why));
  }
}

void link::slow(natsSubscription* subscription) {
  std::int64_t dropped = 0;
  natsSubscription_GetDropped(subscription, &dropped);
  const char* subject = natsSubscription_GetSubject(subscription);
  {
    std::lock_guard lock(mutex_);
    const auto at = std::chrono::steady_clock::now();
    if (at - slow_logged_at_ < std::chrono::seconds{1}) return;
    slow_logged_at_ = at;
  }
  log::error("bus: the handler of {} is too slow; {} messages dropped so far", subject ? subject : "?", dropped);
}

std::unique_ptr<registration> link::on_status(std::function<void(bool)> handler) {
  return std::make_unique<watcher<bool>>(shared_from_this(), &link::status_watchers_, std::move(handler));
}

std::unique_ptr<registration> link::on_refused(std::function<void(const refusal&)> handler) {
  return std::make_unique<watcher<const refusal&>>(shared_from_this(), &link::refusal_watchers_, std::move(handler));
}

void link::note_refusal(const refusal& r) {
  if (r.reason.code == errc::too_large)
    refused_oversized_.fetch_add(1);
  else if (r.reason.code == errc::wrong_company)
    refused_company_.fetch_add(1);
  else
    refused_malformed_.fetch_add(1);
  {
    std::lock_guard lock(mutex_);
    const auto& who = r.sender.empty() ? r.subject : r.sender;
    const auto known = refused_senders_.find(who);
    if (known != refused_senders_.end()) {
      ++known->second;
      return;
    }
    if (refused_senders_.size() >= refused_senders_max) return;
    refused_senders_.emplace(who, 1);
  }
  log::warn("bus: refused a message on {} from {}: {}: {} (told once per sender)", r.subject,
            r.sender.empty() ? "an unknown sender" : r.sender, to_text(r.reason.code), r.reason.message);
  watcher<const refusal&>::tell(*this, &link::refusal_watchers_, r);
}

result<void> link::flush(std::chrono::milliseconds timeout) {
  outbox_.flush();
  const auto status = natsConnection_FlushTimeout(connection_.get(), timeout.count());
  if (status == NATS_OK) return {};
  return tl::unexpected(failure_of(status, "flushing the bus connection"));
}

}  // namespace cadre::bus::detail
