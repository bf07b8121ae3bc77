#include "exits.hpp"

#include "schemas/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/deep_to_string.hpp>
#include <caf/exit_reason.hpp>
#include <caf/message_view.hpp>
#include <caf/result.hpp>
#include <caf/sec.hpp>

#include <cstdint>
#include <exception>
#include <string>

namespace cadre::actors::supervision {

namespace {

constexpr auto category = caf::atom("cadre");

caf::error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return to_error({errc::crashed, e.what()});
  } catch (...) {
    return to_error({errc::crashed, "an exception that is not a std::exception"});
  }
}

}  // namespace

caf::error to_error(const failure& cause) {
  const auto code = cause.code == errc::none ? errc::internal : cause.code;
  return caf::error{static_cast<std::uint8_t>(code), category, caf::make_message(cause.message)};
}

failure cause_of(const caf::error& reason, const caf::actor_system& system) {
  if (!reason) return {};
  if (reason.category() == category) {
    failure cause{static_cast<errc>(reason.code()), {}};
    if (reason.context().match_elements<std::string>()) cause.message = reason.context().get_as<std::string>(0);
    return cause;
  }
  switch (reason_of(reason)) {
    case exit_reason::normal:
    case exit_reason::shutdown:
      return {};
    case exit_reason::killed:
      return {errc::crashed, "killed"};
    default:
      return {errc::crashed, system.render(reason)};
  }
}

exit_reason reason_of(const caf::error& reason) {
  if (!reason) return exit_reason::normal;
  if (reason == caf::exit_reason::user_shutdown) return exit_reason::shutdown;
  if (reason == caf::exit_reason::kill) return exit_reason::killed;
  // Its life was replaced while it was out of reach: as if its node had been lost.
  if (reason.category() == category && reason.code() == static_cast<std::uint8_t>(errc::stale_epoch))
    return exit_reason::noconnection;
  return exit_reason::error;
}

void keep_exception_text(caf::scheduled_actor* self) {
  self->set_exception_handler([](caf::scheduled_actor*, std::exception_ptr& thrown) { return error_of(thrown); });
}

void log_unexpected(caf::scheduled_actor* self) {
  self->set_default_handler([](caf::scheduled_actor* me, caf::message_view& x) -> caf::result<caf::message> {
    log::warn("{} dropped an unexpected message of {} elements: {}", me->name(), x.content().size(),
              x.content().stringify());
    return caf::sec::unexpected_message;
  });
}

}  // namespace cadre::actors::supervision
