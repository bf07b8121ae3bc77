#include "actors/http/easy.hpp"

#include <algorithm>
#include <new>

namespace cadre::http {

namespace {

/// libcurl's global state, once per process; since 7.84 this is safe on any thread.
void prepare_libcurl() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK) throw std::bad_alloc{};
}

errc code_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return errc::timed_out;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
      return errc::bad_value;
    case CURLE_LOGIN_DENIED:
      return errc::refused;
    default:
      return errc::unreachable;
  }
}

}  // namespace

void curl_list::add(const std::string& line) {
  auto* longer = curl_slist_append(items, line.c_str());
  if (longer == nullptr) throw std::bad_alloc{};
  items = longer;
}

easy::easy(const std::string& url, const char* schemes, const bounds& within, const stop_flag& stop) : stop_{stop} {
  prepare_libcurl();
  handle_ = curl_easy_init();
  if (handle_ == nullptr) throw std::bad_alloc{};
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, schemes);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(within.connect.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(within.total.count()));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_NOSIGNAL, 1L);  // Names are looked up on a thread of libcurl's, so signals are not needed to end that.
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &easy::on_progress);
  set(CURLOPT_XFERINFODATA, this);
  set(CURLOPT_USERAGENT, "cadre");
}

void easy::trust(const std::string& ca) {
  if (ca.empty()) return;
  curl_blob pem{const_cast<char*>(ca.data()), ca.size(), CURL_BLOB_COPY};
  set(CURLOPT_CAINFO_BLOB, &pem);
  set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // Else the system's were trusted, too.
}

int easy::on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& me = *static_cast<easy*>(self);
  me.stopped_ = me.stop_ && me.stop_->load();
  return me.stopped_ ? 1 : 0;
}

CURLcode easy::perform() {
  return failed_ != CURLE_OK ? failed_ : curl_easy_perform(handle_);
}

failure easy::why(CURLcode code) const {
  if (stopped_) return {errc::cancelled, "stopped"};
  // Not libcurl's error buffer: that may quote the URL or what the server said.
  return {code_of(code), curl_easy_strerror(code)};
}

bool is_one_line(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace cadre::http
