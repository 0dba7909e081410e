// SPDX-License-Identifier: Apache-2.0
// What a server tells of its models: the JSON of the Open Inference Protocol's metadata and of
// Triton's configuration, statistics and repository index, as Triton writes them.
#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"
#include "steps/19_serve/repository.h"

namespace kingpost::steps::serve {

/// {"name", "versions", "platform", "inputs", "outputs"}. `versions` are those of the model that
/// Of the server: its name, version and the extensions of the protocol that it has.
Json server_metadata();

/// answer, from the oldest on.
Json metadata_of(const ServedModel& model, const std::vector<Repository::Model>& versions);

/// ModelConfig with the names and words of Triton's model_config.proto. `batch_rows`: see
/// ServiceOptions; a model that does not answer by rows has max_batch_size 0, and its shapes whole.
Json config_of(const ServedModel& model, std::int64_t batch_rows);

/// {"model_stats": [...]}, of each of the models.
Json statistics_of(const std::vector<Repository::Model>& models);

/// [{"name", "version", "state", "reason"}]; without reason where there is none.
Json index_of(const std::vector<IndexRow>& rows);

/// What the page of a model shows: its inputs, an example, and the names of the models beside it.
Json about_of(const ServedModel& model, const std::vector<std::string>& models);

}  // namespace kingpost::steps::serve
