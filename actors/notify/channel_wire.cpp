#include "actors/notify/channel_wire.hpp"

#include "actors/http/signature.hpp"
#include "schemas/json.hpp"

namespace cadre::notify {

using json = nlohmann::json;
using config::notify_channel;

namespace {

/// What ntfy shows of a message, and what Slack takes in one block.
constexpr std::size_t ntfy_bytes_max = 3'800;
constexpr std::size_t slack_bytes_max = 2'900;
constexpr std::size_t slack_title_bytes_max = 145;

std::string ntfy_body(const std::string& topic, const notice& n) {
  static constexpr std::array<int, 4> priorities{2, 3, 4, 5};
  json body{{"topic", topic},
            {"title", n.title},
            {"message", shortened(n.text, ntfy_bytes_max)},
            {"priority", n.kind == "escalations" ? priorities.at(static_cast<std::size_t>(n.worst)) : 3},
            {"tags", {n.company, n.kind == "escalations" ? to_text(n.worst) : std::string_view{n.kind}}}};
  return body.dump();
}

/// Slack reads these three as markup.
std::string slack_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

std::string slack_body(const notice& n) {
  json header{{"type", "header"},
              {"text", {{"type", "plain_text"}, {"text", shortened(n.title, slack_title_bytes_max)}}}};
  json section{{"type", "section"},
               {"text", {{"type", "mrkdwn"}, {"text", shortened(slack_text(n.text), slack_bytes_max)}}}};
  return json{{"text", slack_text(n.title)}, {"blocks", {header, section}}}.dump();
}

}  // namespace

http::request request_for(const notify_channel& channel, const notice& n, timestamp now) {
  http::request r;
  r.url = channel.url;
  r.ca = channel.ca;
  r.headers = {{"Content-Type", "application/json"}, {"X-Cadre-Id", n.id}};
  if (channel.type == notify_channel::kind::ntfy) {
    const auto slash = channel.url.rfind('/');
    r.url = channel.url.substr(0, slash + 1);
    r.body = ntfy_body(channel.url.substr(slash + 1), n);
    if (!channel.secret.empty()) r.headers.emplace_back("Authorization", "Bearer " + channel.secret);
  } else if (channel.type == notify_channel::kind::slack) {
    r.body = slack_body(n);
  } else {
    r.body = n.document;
    if (!channel.secret.empty())
      r.headers.emplace_back("X-Cadre-Signature", http::signature(channel.secret, now, r.body));
  }
  return r;
}

http::mail mail_for(const notify_channel& channel, const notice& n, timestamp now) {
  http::mail m;
  m.from = channel.from;
  m.to = channel.to;
  m.subject = n.title;
  m.id = n.id;
  m.date = now;
  m.headers = {{"X-Cadre-Id", n.id}};
  m.text = n.text;
  m.html = n.html;
  return m;
}

attempt_end judge(const result<http::answer>& answer) {
  if (!answer) return {answer.error(), answer.error().code == errc::bad_value, {}};
  if (answer->ok()) return {};
  const auto status = answer->status;
  const bool later = status == 408 || status == 425 || status == 429 || status >= 500;
  // Not what it said beside: that may repeat what it was sent.
  return {{errc::refused, "the server answered " + std::to_string(status)}, !later, answer->retry_after};
}

attempt_end judge(const result<void>& sent) {
  if (sent) return {};
  return {sent.error(), sent.error().code == errc::bad_value || sent.error().code == errc::refused, {}};
}

attempt_end hand_over(const notify_channel& channel, const notice& n, const http::stop_flag& stop) {
  if (channel.type != notify_channel::kind::email) {
    auto r = request_for(channel, n, now());
    r.stop = stop;
    return judge(http::send(r));
  }
  http::mail_server server{channel.url, channel.user, channel.secret, http::mail_tls::automatic, channel.ca};
  if (channel.tls == notify_channel::encryption::required) server.tls = http::mail_tls::required;
  if (channel.tls == notify_channel::encryption::never) server.tls = http::mail_tls::never;
  return judge(http::send(server, mail_for(channel, n, now()), {}, stop));
}

}  // namespace cadre::notify
