#pragma once

#include "actors/http/request.hpp"

#include <curl/curl.h>
#include <memory>
#include <string>
#include <string_view>

/// What every exchange through libcurl has in common. Only this folder sees libcurl.
namespace cadre::http {

struct curl_list {
  curl_list() = default;
  curl_list(const curl_list&) = delete;
  curl_list& operator=(const curl_list&) = delete;
  ~curl_list() { curl_slist_free_all(items); }
  void add(const std::string& line);

  curl_slist* items = nullptr;
};

/// One exchange: a handle with the bounds set. Not thread safe.
class easy {
 public:
  /// `schemes`: what the URL may be, as libcurl lists them: `http,https`.
  easy(const std::string& url, const char* schemes, const bounds& within, const stop_flag& stop);
  ~easy() { curl_easy_cleanup(handle_); }
  easy(const easy&) = delete;
  easy& operator=(const easy&) = delete;

  template <class T>
  void set(CURLoption option, T value) {
    const auto code = curl_easy_setopt(handle_, option, value);
    if (code != CURLE_OK && failed_ == CURLE_OK) failed_ = code;
  }
  /// Only servers whose certificate one of these (PEM) signed; empty: those that the system trusts.
  void trust(const std::string& ca);
  /// Does it; gives the code of libcurl, or of the first option that was refused.
  CURLcode perform();
  /// What a code means, for people. Errors as `send` of request.hpp says.
  [[nodiscard]] failure why(CURLcode code) const;
  [[nodiscard]] CURL* handle() const noexcept { return handle_; }

 private:
  CURL* handle_;
  CURLcode failed_ = CURLE_OK;
  stop_flag stop_;
  bool stopped_ = false;

  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
};

/// No control characters: such a text cannot end a line.
bool is_one_line(std::string_view text) noexcept;

}  // namespace cadre::http
