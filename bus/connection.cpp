#include "connection.hpp"

#include "detail/link.hpp"
#include "detail/reading.hpp"
#include "schemas/batch.hpp"
#include "schemas/codec.hpp"

#include <algorithm>
#include <array>
#include <future>
#include <utility>

namespace cadre::bus {

std::string without_login(std::string_view url) {
  std::string out;
  while (!url.empty()) {
    const auto comma = std::min(url.find(','), url.size());
    const auto one = url.substr(0, comma);
    const auto scheme = one.find("://");
    const auto host = scheme == std::string_view::npos ? 0 : scheme + 3;
    const auto at = one.rfind('@');
    out += one.substr(0, host);
    out += one.substr(at == std::string_view::npos || at < host ? host : at + 1);
    if (comma < url.size()) out += ',';
    url.remove_prefix(std::min(comma + 1, url.size()));
  }
  return out;
}

namespace {

using wire_headers = std::array<std::pair<const char*, std::string>, 1>;

wire_headers content_type(std::string_view type) {
  return {{{"Content-Type", std::string(type)}}};
}

failure too_large(const std::string& subject, std::size_t bytes, std::size_t bytes_max) {
  return {errc::too_large, "a message of " + std::to_string(bytes) + " bytes to " + subject + "; at most " +
                               std::to_string(bytes_max) + " are allowed"};
}

detail::reading read(std::string_view company, std::size_t bytes_max, natsMsg& m) {
  return detail::read_message(company, natsMsg_GetSubject(&m), detail::header_of(m, "Content-Type"),
                              detail::bytes_of(m), bytes_max);
}

result<envelope> read_answer(std::string_view company, std::size_t bytes_max, result<natsMsg*> answer) {
  if (!answer) return tl::unexpected(answer.error());
  auto r = read(company, bytes_max, **answer);
  if (!r.message) return r.message;
  if (const auto* refused = std::get_if<error_reply>(&r.message->body)) return tl::unexpected(refused->error);
  return r.message;
}

result<void> send_as(detail::link& link, const std::string& subject, bool json, const envelope& e) {
  const auto bytes = json ? codec::encode_json(e) : codec::encode(e);
  if (bytes.size() > link.settings.message_bytes_max)
    return tl::unexpected(too_large(subject, bytes.size(), link.settings.message_bytes_max));
  if (json) return link.send(subject, {}, content_type(codec::json_type), bytes);
  return link.send(subject, {}, detail::msgpack_headers(), bytes);
}

envelope make(const options& o, std::string from, epoch incarnation, message body) {
  envelope e;
  e.id = new_id<message_id>();
  e.company = o.company;
  e.from = std::move(from);
  e.incarnation = incarnation;
  e.sent_at = now();
  e.body = std::move(body);
  return e;
}

void refuse(detail::link& link, const char* reply, bool json, const refusal& why) {
  link.note_refusal(why);
  if (reply == nullptr) return;
  // Nothing can be done for a sender that can't be answered; the refusal is counted and logged already.
  static_cast<void>(send_as(link, reply, json, make(link.settings, link.settings.name, 0, error_reply{why.reason})));
}

/// Passes a message that is in order to `take`; refuses any other.
template <class Take>
void accept(detail::link& link, const char* subject, const char* reply, std::string_view type, std::string_view bytes,
            const Take& take) {
  auto r = detail::read_message(link.settings.company, subject, type, bytes, link.settings.message_bytes_max);
  if (!r.message) return refuse(link, reply, r.json, {subject, r.sender, r.message.error()});
  link.received.fetch_add(1, std::memory_order_relaxed);
  take({subject, std::move(*r.message), reply == nullptr ? std::string{} : reply, bytes.size(), r.json});
}

/// About how many messages came together: bounded by the bytes that came, whatever they say.
std::size_t messages_in(const natsMsg& m) {
  constexpr std::size_t bytes_usual = 400;
  return std::min(codec::batch_messages_max, detail::bytes_of(m).size() / bytes_usual + 1);
}

/// Calls `take` for each message that came: one, or those of a batch, of which one that is malformed is refused alone.
template <class Take>
void receive(detail::link& link, natsMsg& m, const Take& take) {
  const char* subject = natsMsg_GetSubject(&m);
  const char* reply = natsMsg_GetReply(&m);
  const auto type = detail::header_of(m, "Content-Type");
  const auto bytes = detail::bytes_of(m);
  if (type != codec::batch_type || bytes.size() > link.settings.message_bytes_max)
    return accept(link, subject, reply, type, bytes, take);
  auto all = codec::open_batch(bytes);
  if (all && reply != nullptr) all = fail(errc::bad_message, "a batch of messages can't be answered");
  if (!all) return refuse(link, reply, false, {subject, {}, all.error()});
  for (const auto one : *all) accept(link, subject, nullptr, codec::msgpack_type, one, take);
}

}  // namespace

subscription::subscription(std::unique_ptr<detail::registration> registered) : registered_(std::move(registered)) {}
subscription::subscription() noexcept = default;
subscription::subscription(subscription&&) noexcept = default;
subscription& subscription::operator=(subscription&&) noexcept = default;
subscription::~subscription() = default;
void subscription::reset() {
  registered_.reset();
}

connection::connection(std::shared_ptr<detail::link> wire) : link_(std::move(wire)) {}
connection::~connection() {
  link_->close();
}

result<std::shared_ptr<connection>> connection::open(options o) {
  if (!is_token(o.company)) return fail(errc::bad_value, "bus: \"" + o.company + "\" is not a company's name");
  auto link = detail::link::open(std::move(o));
  if (!link) return tl::unexpected(link.error());
  return std::shared_ptr<connection>(new connection(std::move(*link)));
}

const options& connection::settings() const noexcept {
  return link_->settings;
}
bool connection::connected() const noexcept {
  return link_->connected();
}
counters connection::count() const {
  return link_->count();
}

envelope connection::make_envelope(std::string from, epoch incarnation, message body) const {
  return make(settings(), std::move(from), incarnation, std::move(body));
}

result<void> connection::publish(const std::string& subject, const envelope& e) {
  const auto bytes = codec::encode(e);
  if (bytes.size() > settings().message_bytes_max)
    return tl::unexpected(too_large(subject, bytes.size(), settings().message_bytes_max));
  return link_->publish(subject, bytes);
}

void connection::request(const std::string& subject, const envelope& e, std::chrono::milliseconds timeout,
                         reply_handler handler) {
  const auto bytes = codec::encode(e);
  if (bytes.size() > settings().message_bytes_max) {
    auto why = too_large(subject, bytes.size(), settings().message_bytes_max);
    link_->timers().add(std::chrono::milliseconds{0},
                        [handler = std::move(handler), why = std::move(why)] { handler(tl::unexpected(why)); });
    return;
  }
  if (timeout.count() <= 0) timeout = settings().request_timeout;
  link_->request(subject, detail::msgpack_headers(), bytes, timeout,
                 [company = settings().company, bytes_max = settings().message_bytes_max, handler = std::move(handler)](
                     result<natsMsg*> answer) { handler(read_answer(company, bytes_max, std::move(answer))); });
}

result<envelope> connection::request_wait(const std::string& subject, const envelope& e,
                                          std::chrono::milliseconds timeout) {
  auto answer = std::make_shared<std::promise<result<envelope>>>();
  auto future = answer->get_future();
  request(subject, e, timeout, [answer](result<envelope> r) { answer->set_value(std::move(r)); });
  return future.get();
}

result<subscription> connection::subscribe(const std::string& subject, message_handler handler) {
  auto made = link_->subscribe(subject, [weak = std::weak_ptr(link_), handler = std::move(handler)](natsMsg& m) {
    if (const auto link = weak.lock()) receive(*link, m, handler);
  });
  if (!made) return tl::unexpected(made.error());
  return subscription(std::move(*made));
}

result<subscription> connection::subscribe_together(const std::string& subject, messages_handler handler) {
  auto made = link_->subscribe(subject, [weak = std::weak_ptr(link_), handler = std::move(handler)](natsMsg& m) {
    const auto link = weak.lock();
    if (!link) return;
    std::vector<incoming> all;
    all.reserve(messages_in(m));
    receive(*link, m, [&](incoming in) { all.push_back(std::move(in)); });
    if (!all.empty()) handler(std::move(all));
  });
  if (!made) return tl::unexpected(made.error());
  return subscription(std::move(*made));
}

result<void> connection::reply(const incoming& to, const std::string& from, epoch incarnation, message body) {
  if (to.reply_to.empty()) return {};
  auto e = make_envelope(from, incarnation, std::move(body));
  e.causation = to.message.id;
  e.trace = to.message.trace;
  return send_as(*link_, to.reply_to, to.json, e);
}

result<subscription> connection::subscribe_plain(const std::string& subject, plain_handler handler) {
  auto made = link_->subscribe(subject, [weak = std::weak_ptr(link_), handler = std::move(handler)](natsMsg& m) {
    const auto link = weak.lock();
    if (!link) return;
    link->received.fetch_add(1, std::memory_order_relaxed);
    const char* reply = natsMsg_GetReply(&m);
    handler({natsMsg_GetSubject(&m), detail::bytes_of(m), reply == nullptr ? std::string_view{} : reply});
  });
  if (!made) return tl::unexpected(made.error());
  return subscription(std::move(*made));
}

result<void> connection::publish_plain(const std::string& subject, std::string_view json) {
  if (json.size() > settings().message_bytes_max)
    return tl::unexpected(too_large(subject, json.size(), settings().message_bytes_max));
  return link_->send(subject, {}, content_type(codec::json_type), json);
}

result<std::string> connection::request_plain_wait(const std::string& subject, std::string_view json,
                                                   std::chrono::milliseconds timeout) {
  if (json.size() > settings().message_bytes_max)
    return tl::unexpected(too_large(subject, json.size(), settings().message_bytes_max));
  return link_->request_wait(subject, json, timeout);
}

subscription connection::on_status(std::function<void(bool)> handler) {
  return subscription(link_->on_status(std::move(handler)));
}

subscription connection::on_refused(std::function<void(const refusal&)> handler) {
  return subscription(link_->on_refused(std::move(handler)));
}

result<void> connection::flush(std::chrono::milliseconds timeout) {
  return link_->flush(timeout);
}

}  // namespace cadre::bus
