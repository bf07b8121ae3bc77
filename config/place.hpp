#pragma once

namespace cadre::config {

/// A position in a config file, 1-based; 0 if there is none.
struct place {
  int line = 0;
  int column = 0;
};

}  // namespace cadre::config
