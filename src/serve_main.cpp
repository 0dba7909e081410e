// SPDX-License-Identifier: Apache-2.0
#include "cli/serve/serve.h"

int main(int count, char** words) {
  return kingpost::cli::serve_main(count, words);
}
