// SPDX-License-Identifier: Apache-2.0
// Step 17: the registered version becomes an image that runs kingpost-serve with it. Only where the
// file has the section; `kingpost containerize` does it by hand.
#pragma once

#include "base/spec.h"
#include "steps/17_containerize/build.h"
#include "steps/step.h"

namespace kingpost::steps::containerize {

inline constexpr int kVersion = 1;

const Field& spec();
void check(CheckContext& context);
/// The programs and system files that go into the image, and how the program is started.
Result<Json> key_parts(KeyContext& context);
/// Leaves the files of an OCI layout as `image/...` and image.lock.json. Fails as `build_image`.
Result<Outcome> run(RunContext& context);

/// A name without a tag of its own gets the version's number.
std::string tagged(const std::string& ref, std::int64_t version);

/// What the section says of the image; `ref` is that of the caller where it is not empty, else the
/// section's, else the default. Fails with `containerize.ref_malformed`.
Result<Request> request_of(const Node& section, const std::string& model, std::int64_t version,
                           const std::string& ref = {});

}  // namespace kingpost::steps::containerize
