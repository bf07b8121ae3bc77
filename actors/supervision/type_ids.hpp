#pragma once

#include "protocol.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/type_id.hpp>

/// The first block of CAF type ids; the next block may begin at `caf::id_block::cadre_supervision::end`.
CAF_BEGIN_TYPE_ID_BLOCK(cadre_supervision, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::supervisor_input))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::child_order))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::child_answer))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::children_query))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::children_answer))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::start_order))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::stop_order))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::child_report))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::incoming_control))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::incoming_heartbeat))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::control_answer))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::lead))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::step_down))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::stop_company))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::node_order))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::order_answer))
CAF_ADD_TYPE_ID(cadre_supervision, (cadre::actors::supervision::host_timer))
/// "Have you started?" Asked of each new life before the next sibling starts; any answer means yes.
CAF_ADD_ATOM(cadre_supervision, cadre::actors::supervision, ready_atom, "ready")
/// "Take nothing new, and end once what you do is done." Answered with true at once.
CAF_ADD_ATOM(cadre_supervision, cadre::actors::supervision, finish_atom, "finish")
CAF_END_TYPE_ID_BLOCK(cadre_supervision)

// Immutable once sent and never serialised: Cadre links caf_core alone, bytes between nodes are made by schemas/codec.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::supervisor_input)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::child_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::child_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::children_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::children_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::start_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::stop_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::child_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::incoming_control)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::incoming_heartbeat)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::control_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::lead)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::step_down)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::stop_company)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::node_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::order_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::host_timer)
