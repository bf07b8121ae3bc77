#pragma once

#include <string_view>

namespace cadre {

/// Whether a URL without a login names the host that it is read on (127.0.0.1, [::1] or localhost, with any port): what
/// is sent there in the clear crosses no network. No other name of this host counts, and nothing that is no URL.
bool is_this_host(std::string_view url) noexcept;

}  // namespace cadre
