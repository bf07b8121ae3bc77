#pragma once

#include "config/yaml_tree.hpp"
#include "schemas/json.hpp"

namespace cadre::config::yaml {

/// The same value as JSON, by YAML's core rules: plain null, true, false and numbers are those; quoted ones and those
/// with a replaced reference are texts.
nlohmann::json to_json(const node& n);

}  // namespace cadre::config::yaml
