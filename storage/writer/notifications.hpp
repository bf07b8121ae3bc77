#pragma once

#include "schemas/ids.hpp"
#include "storage/decide/escalation.hpp"
#include "storage/writer/unit.hpp"

#include <string>

/// What the channels of the config are owed. Each is written in the transaction of its cause, so no cause is forgotten
/// and none is told of that did not commit.
namespace cadre::storage::writer {

/// What is owed for a hop of an escalation, which stands as `after` then; `id` is the hop's, of which the ids of the
/// notifications are made. It came into the ceo's inbox, or is back there: every channel that its severity reaches. It
/// was seen again there: channels that its severity reaches only now. It was resolved: channels that want to know and
/// were owed its arrival. A failing channel is not told of its own failure.
void owe_hop(unit& u, const escalation_id& escalation, const decide::standing& after, const decide::hop& hop,
             const std::string& id);

/// A brief was kept: channels that want briefs.
void owe_brief(unit& u, const brief_id& brief);

/// Brings the channels of the database in line with `mem.company`; what removed ones are owed has failed.
void write_channels(unit& u);

}  // namespace cadre::storage::writer
