#include "actors/cli/commands.hpp"

int main(int argc, char** argv) {
  return cadre::cli::run(argc, argv);
}
