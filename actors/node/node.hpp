#pragma once

#include "config/company.hpp"

#include <memory>
#include <string>

namespace cadre::actors {

/// One node of a company: `cadre node`.
struct node_options {
  std::shared_ptr<const config::company> company;
  std::string name;   ///< Of a node in the config.
  std::string state;  ///< State directory: scratch folders of runs are made below it; passed on to agents.
  std::string nats_url;
  std::string reader_url;
  std::string writer_url;  ///< Needed by control nodes only.
  std::string program;     ///< This binary, for agents that read canonical data through it.
};

/// Runs the node until SIGTERM or SIGINT, then drains it: agents are stopped in order, a reign is handed over. Blocks.
/// To be called from the main thread before any other thread is made, since it takes the signals.
/// Returns 0; 1 if it could not start (said on stderr); 2 if the config has no such node.
int run_node(const node_options& options);

}  // namespace cadre::actors
