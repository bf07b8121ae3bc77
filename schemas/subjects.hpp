#pragma once

#include "agent_path.hpp"

#include <string>
#include <string_view>

/// The subjects of the bus (NATS). They mirror the org chart, so one wildcard subscribes to one domain.
namespace cadre::subjects {

inline constexpr std::string_view event_stream = "CADRE_EVENTS";

std::string command(std::string_view company, std::string_view kind);  ///< cadre.COMPANY.cmd.KIND
std::string commands(std::string_view company);                        ///< cadre.COMPANY.cmd.>
std::string agent(std::string_view company, const agent_path& path);   ///< cadre.COMPANY.agent.PATH
std::string output(std::string_view company, const agent_path& path);  ///< cadre.COMPANY.out.PATH
std::string verdict(std::string_view company, const agent_path& path);
std::string escalation(std::string_view company, const agent_path& holder);
std::string fire(std::string_view company, std::string_view schedule);
std::string task(std::string_view company, std::string_view mode);
std::string brief(std::string_view company);
std::string log(std::string_view company, const agent_path& path);
/// cadre.COMPANY.worker.PATH.VERB: what a program that works for an agent asks; `*` for every verb.
std::string worker(std::string_view company, const agent_path& path, std::string_view verb);
std::string heartbeat(std::string_view node);  ///< cadre.node.NODE.hb; `*` for all.
std::string control(std::string_view node);    ///< cadre.node.NODE.ctl

}  // namespace cadre::subjects
