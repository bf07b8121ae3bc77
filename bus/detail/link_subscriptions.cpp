#include "ack_subject.hpp"
#include "link.hpp"

#include <utility>

namespace cadre::bus::detail {

/// A core subscription. What the library calls holds a share of the handler of its own, given back when the library
/// says that it is done.
struct link::listener : registration {
  using handler_ptr = std::shared_ptr<guarded<natsMsg&>>;
  listener(std::shared_ptr<link> of, raw_handler h)
      : owner(std::move(of)), handler(std::make_shared<guarded<natsMsg&>>(std::move(h))) {}
  ~listener() override {
    handler->close();
    if (!sub) return;
    std::int64_t dropped = 0;
    std::lock_guard lock(owner->mutex_);
    if (natsSubscription_GetDropped(sub.get(), &dropped) == NATS_OK)
      owner->dropped_by_ended_ += static_cast<std::uint64_t>(dropped);
    owner->listeners_.erase(id);
  }

  std::shared_ptr<link> owner;
  handler_ptr handler;
  nats_ptr<natsSubscription> sub;
  std::uint64_t id = 0;
};

result<std::unique_ptr<registration>> link::subscribe(const std::string& subject, raw_handler handler) {
  auto made = std::make_unique<listener>(shared_from_this(), std::move(handler));
  auto share = std::make_unique<listener::handler_ptr>(made->handler);
  natsSubscription* sub = nullptr;
  const auto on_message = [](natsConnection*, natsSubscription*, natsMsg* m, void* closure) {
    const nats_ptr<natsMsg> owned(m);
    (*static_cast<listener::handler_ptr*>(closure))->call(*m);
  };
  const auto on_complete = [](void* closure) { delete static_cast<listener::handler_ptr*>(closure); };
  auto status = natsConnection_Subscribe(&sub, connection_.get(), subject.c_str(), on_message, share.get());
  if (status != NATS_OK) return tl::unexpected(failure_of(status, "subscribing to " + subject));
  auto* closure = share.release();
  made->sub.reset(sub);
  natsSubscription_SetOnCompleteCB(sub, on_complete, closure);
  natsSubscription_SetPendingLimits(sub, settings.pending_messages_max, settings.pending_bytes_max);
  std::lock_guard lock(mutex_);
  made->id = ++next_token_;
  listeners_.emplace(made->id, made.get());
  return made;
}

std::unique_ptr<registration> link::add_inbox(const std::string& name, std::string& address, raw_handler handler) {
  struct entry : registration {
    ~entry() override {
      guard->close();
      std::lock_guard lock(owner->mutex_);
      const auto found = owner->inboxes_.find(name);
      if (found != owner->inboxes_.end() && found->second == guard) owner->inboxes_.erase(found);
    }
    std::shared_ptr<link> owner;
    std::shared_ptr<guarded<natsMsg&>> guard;
    std::string name;
  };
  auto made = std::make_unique<entry>();
  made->owner = shared_from_this();
  made->guard = std::make_shared<guarded<natsMsg&>>(std::move(handler));
  made->name = name;
  address = deliveries_prefix_ + name + ".";
  std::lock_guard lock(mutex_);
  inboxes_.insert_or_assign(name, made->guard);
  return made;
}

void link::deliver(natsMsg& message) {
  // JetStream delivers under the event's own subject; then only the ack subject tells whose it is.
  const std::string_view subject = natsMsg_GetSubject(&message);
  std::string name;
  if (subject.starts_with(deliveries_prefix_)) {
    const auto rest = subject.substr(deliveries_prefix_.size());
    name = rest.substr(0, rest.find('.'));
  } else if (natsMsg_GetReply(&message) != nullptr) {
    name = ack_subject::read(natsMsg_GetReply(&message)).consumer;
  }
  std::shared_ptr<guarded<natsMsg&>> handler;
  {
    std::lock_guard lock(mutex_);
    const auto found = inboxes_.find(name);
    if (found != inboxes_.end()) handler = found->second;
  }
  if (handler && handler->call(message)) return;
  // An event for a consumer that ended meanwhile: given back, so that its successor gets it at once.
  const char* reply = natsMsg_GetReply(&message);
  if (reply != nullptr && !bytes_of(message).empty()) static_cast<void>(send(reply, {}, {}, "-NAK"));
}

counters link::count() const {
  counters c;
  c.connected = connected_;
  c.published = published_;
  c.batches = batches_;
  c.publish_failed = publish_failed_;
  c.received = received;
  c.refused_malformed = refused_malformed_;
  c.refused_oversized = refused_oversized_;
  c.refused_company = refused_company_;
  c.requests = requests_;
  c.requests_timed_out = timed_out_;
  c.requests_unanswerable = unanswerable_;
  c.reconnects = reconnects_;
  std::lock_guard lock(mutex_);
  c.requests_pending = pending_.size();
  c.dropped_slow = dropped_by_ended_;
  for (const auto& [id, l] : listeners_) {
    std::int64_t dropped = 0;
    if (natsSubscription_GetDropped(l->sub.get(), &dropped) == NATS_OK)
      c.dropped_slow += static_cast<std::uint64_t>(dropped);
  }
  return c;
}

}  // namespace cadre::bus::detail
