// SPDX-License-Identifier: Apache-2.0
// Arguments in, exit status out.
#include "cli/cli.h"

int main(int argc, char** argv) {
  return kingpost::cli::run_command_line(argc, argv);
}
