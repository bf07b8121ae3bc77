#pragma once

#include "schemas/error.hpp"
#include "schemas/org.hpp"

#include <caf/error.hpp>
#include <caf/local_actor.hpp>
#include <caf/scheduled_actor.hpp>

/// How lives end: between CAF's errors and our failures. Errors of ours have the category `cadre`, the errc as code and
/// the text as context, so the first cause survives every DOWN.
namespace cadre::actors::supervision {

/// The error to quit with. A cause without a code ends as `internal`: quitting with it must not look normal.
caf::error to_error(const failure& cause);

/// The failure that an exit reason stands for; `system` renders foreign categories. Code none for a normal exit and an
/// ordered shutdown. A foreign error is `crashed`.
failure cause_of(const caf::error& reason, const caf::actor_system& system);

/// Why a life ended, by its exit reason alone. An ordered kill is `killed`; an end with stale_epoch, because the life
/// was replaced by a newer one, is `noconnection`.
exit_reason reason_of(const caf::error& reason);

/// Makes an uncaught exception end the actor with `crashed` and the exception's text; CAF alone drops the text. To be
/// called first thing in an agent's init.
void keep_exception_text(caf::scheduled_actor* self);

/// Unexpected messages are logged and dropped: a peer of an adjacent version must not end an actor.
void log_unexpected(caf::scheduled_actor* self);

}  // namespace cadre::actors::supervision
