#pragma once

#include "actors/http/mail.hpp"
#include "actors/http/request.hpp"
#include "actors/notify/notice.hpp"
#include "actors/notify/notify_machine.hpp"
#include "config/company.hpp"

/// A message in the form that a channel takes, and what its answer means.
namespace cadre::notify {

/// For webhook, ntfy and slack. Pure. `now` is the time of a webhook's signature.
http::request request_for(const config::notify_channel& channel, const notice& n, timestamp now);

/// For email. Pure.
http::mail mail_for(const config::notify_channel& channel, const notice& n, timestamp now);

/// Of an HTTP exchange: 2xx is delivered; no answer, 408, 425, 429 and 5xx may be another answer later; all others are
/// for good.
attempt_end judge(const result<http::answer>& answer);

/// Of a mail: what the server refused with a 5xx, or as malformed, is for good.
attempt_end judge(const result<void>& sent);

/// Sends the message. Blocks for at most 20 s, or until `stop`.
attempt_end hand_over(const config::notify_channel& channel, const notice& n, const http::stop_flag& stop);

}  // namespace cadre::notify
