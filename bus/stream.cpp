#include "detail/stream.hpp"

#include "schemas/subjects.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace cadre::bus {

namespace detail {

namespace {

constexpr int err_name_in_use = 10058;
constexpr int err_no_stream = 10059;
/// How many messages are looked at to find out how far the events go without a gap.
constexpr std::uint64_t walk_max = 4096;

struct info_free {
  void operator()(jsStreamInfo* i) const noexcept { jsStreamInfo_Destroy(i); }
};

failure jetstream_failure(natsStatus status, jsErrCode code, const std::string& context) {
  const auto text = context + ": " + nats_GetLastError(nullptr);
  if (status == NATS_NO_RESPONDERS) return {errc::unreachable, context + ": JetStream is not enabled on the server"};
  if (static_cast<int>(code) != 0)
    return {errc::refused, text + " (JetStream error " + std::to_string(static_cast<int>(code)) + ")"};
  return failure_of(status, context);
}

stream_position position_in(const std::string& text) {
  stream_position p;
  const auto* end = text.data() + text.size();
  const auto seq = std::from_chars(text.data(), end, p.seq);
  if (seq.ec == std::errc{} && seq.ptr != end) std::from_chars(seq.ptr + 1, end, p.stream_seq);
  return p;
}

result<nats_ptr<natsMsg>> get_message(jsCtx* js, std::uint64_t stream_seq) {
  natsMsg* m = nullptr;
  jsErrCode code{};
  const auto status = js_GetMsg(&m, js, subjects::event_stream.data(), stream_seq, nullptr, &code);
  nats_ptr<natsMsg> owned(m);
  if (status == NATS_OK || status == NATS_NOT_FOUND) return owned;
  return tl::unexpected(jetstream_failure(status, code, "reading the event stream"));
}

/// Follows the company's events in the stream from the one known to be without a gap.
result<stream_position> walk(jsCtx* js, const std::string& prefix, stream_position from, std::uint64_t to) {
  if (from.stream_seq > to || to - from.stream_seq > walk_max) return from;
  auto best = from;
  for (auto at = from.stream_seq + 1; at <= to; ++at) {
    auto m = get_message(js, at);
    if (!m) return tl::unexpected(m.error());
    if (!*m || !std::string_view{natsMsg_GetSubject(m->get())}.starts_with(prefix)) continue;
    const auto here = position_in(header_of(**m, seq_header));
    if (here.seq == best.seq + 1) best = {here.seq, at};
  }
  return best;
}

}  // namespace

result<nats_ptr<jsCtx>> open_jetstream(link& l) {
  jsOptions o;
  jsOptions_Init(&o);
  o.Wait = l.settings.request_timeout.count();
  jsCtx* js = nullptr;
  const auto status = natsConnection_JetStream(&js, l.raw(), &o);
  if (status != NATS_OK) return tl::unexpected(failure_of(status, "JetStream"));
  return nats_ptr<jsCtx>(js);
}

result<timestamp> ensure_stream(link& l, const stream_options& o) {
  auto js = open_jetstream(l);
  if (!js) return tl::unexpected(js.error());
  std::array<const char*, 6> covered{"cadre.*.out.>",  "cadre.*.verdict.>", "cadre.*.esc.>",
                                     "cadre.*.fire.>", "cadre.*.task.>",    "cadre.*.brief"};
  jsStreamConfig c;
  jsStreamConfig_Init(&c);
  c.Name = subjects::event_stream.data();
  c.Subjects = covered.data();
  c.SubjectsLen = covered.size();
  c.Retention = js_LimitsPolicy;
  c.Storage = js_FileStorage;
  c.Discard = js_DiscardOld;
  c.MaxAge = std::chrono::nanoseconds(o.max_age).count();
  c.MaxBytes = o.bytes_max;
  c.Replicas = o.replicas;
  c.Duplicates = std::chrono::nanoseconds(o.duplicate_window).count();
  jsStreamInfo* raw_info = nullptr;
  jsErrCode code{};
  auto status = js_AddStream(&raw_info, js->get(), &c, nullptr, &code);
  if (status != NATS_OK && static_cast<int>(code) == err_name_in_use) {
    code = {};
    status = js_UpdateStream(&raw_info, js->get(), &c, nullptr, &code);
  }
  const std::unique_ptr<jsStreamInfo, info_free> info(raw_info);
  if (status != NATS_OK) return tl::unexpected(jetstream_failure(status, code, "creating the event stream"));
  return timestamp{info->Created / 1000};
}

result<stream_position> last_position(link& l, const std::string& company) {
  auto js = open_jetstream(l);
  if (!js) return tl::unexpected(js.error());
  const auto prefix = "cadre." + company + ".";
  natsMsg* raw_last = nullptr;
  jsErrCode code{};
  const auto status =
      js_GetLastMsg(&raw_last, js->get(), subjects::event_stream.data(), (prefix + ">").c_str(), nullptr, &code);
  const nats_ptr<natsMsg> last(raw_last);
  if (status == NATS_NOT_FOUND || static_cast<int>(code) == err_no_stream) return stream_position{};
  if (status != NATS_OK) return tl::unexpected(jetstream_failure(status, code, "reading the event stream"));
  const stream_position there{position_in(header_of(*last, seq_header)).seq, natsMsg_GetSequence(last.get())};
  const auto acked = position_in(header_of(*last, acked_header));
  if (there.seq <= acked.seq + 1) return there;
  return walk(js->get(), prefix, acked, there.stream_seq);
}

}  // namespace detail

int replicas_for(std::string_view url) {
  return std::ranges::count(url, ',') >= 2 ? 3 : 1;
}

result<void> ensure_stream(connection& bus, const stream_options& o) {
  if (auto made = detail::ensure_stream(*bus.wire(), o); !made) return tl::unexpected(made.error());
  return {};
}

result<std::int64_t> last_published_seq(connection& bus, const std::string& company) {
  auto last = detail::last_position(*bus.wire(), company);
  if (!last) return tl::unexpected(last.error());
  return last->seq;
}

}  // namespace cadre::bus
