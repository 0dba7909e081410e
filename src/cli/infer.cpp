// SPDX-License-Identifier: Apache-2.0
// kingpost infer: rows of a file through a model into another file.
#include "steps/20_infer/infer.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "lifecycle/cancellation.h"
#include "lifecycle/infer/curated.h"

namespace kingpost::cli {
namespace {

using steps::infer::BundledModel;
using steps::infer::ScoreRequest;
using steps::infer::ScoreSummary;

// A folder, or a version of the registry whose objects lie in the store. `read` gets the files of
// the bundle.
Result<BundledModel> find_model(const Arguments& arguments, std::vector<std::string>& read) {
  TRY(const NamedBundle named, find_bundle(arguments, arguments.words.at(0)));
  if (!named.folder.empty()) {
    TRY_STATUS(named.bundle.verify());
    read.push_back(resolve_path(named.folder, std::string(steps::kBundleSums)));
  }
  for (const auto& file : named.bundle.files()) read.push_back(file.path);
  return steps::infer::open_model(named.bundle);
}

// IN, made of source files.
Status curate(const Arguments& arguments, const std::string& folder, ScoreRequest& request) {
  lifecycle::CurateOptions options;
  TRY(const std::string file, lifecycle::find_pipeline_file(arguments.file));
  options.load = {file, arguments.profile, arguments.sets, {}};
  auto& sets = options.load.sets;
  if (!arguments.memory.empty()) sets.push_back("engine.memory=" + arguments.memory);
  if (arguments.threads > 0) sets.push_back(format("engine.threads={}", arguments.threads));
  options.spare = [&](const std::vector<std::string>& read) {
    return steps::infer::check_places(read, request.out, request.rejected);
  };
  options.folder = folder + "/store";
  for (const std::string& each : arguments.sources) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Code::kInvalidInput, "infer.source_malformed", "--source {} is not NAME=PATH",
                  shown(each))
          .hint("e.g. --source flights=today.csv");
    }
    options.sources.emplace_back(each.substr(0, equals), each.substr(equals + 1));
  }
  Faults faults;
  auto rows = lifecycle::curate_sources(options, faults);
  print_faults(faults);
  if (!rows) return std::move(rows).error();
  request.in.path = rows->path;
  request.in.form = steps::infer::Form::kParquet;
  request.earlier = std::move(rows->rejected);
  return {};
}

Result<char> delimiter_of(const std::string& text) {
  if (text.empty()) return '\0';
  if (text == "\\t") return '\t';
  if (text.size() == 1 && text != "\"" && text != "\n") return text[0];
  return fail(Code::kInvalidInput, "infer.not_a_character", "\"{}\" is no delimiter", shown(text))
      .hint("give one character, e.g. --delimiter ';'");
}

// A stream has the form of what is read, when that is a text.
Result<steps::infer::Form> out_form(const Arguments& arguments, steps::infer::Form in) {
  const std::string& out = arguments.words.back();
  if (out != "-" || !arguments.out_form.empty()) {
    return steps::infer::out_form_of(out, arguments.out_form);
  }
  return in == steps::infer::Form::kNdjson ? in : steps::infer::Form::kCsv;
}

std::string rejected_path(const Arguments& arguments) {
  const std::string& out = arguments.words.back();
  if (!arguments.rejected.empty() || out == "-") return arguments.rejected;
  return out + ".rejected.ndjson";
}

void add_read_paths(const Arguments& arguments, std::vector<std::string>& read) {
  if (arguments.sources.empty()) read.push_back(arguments.words.at(1));
  for (const std::string& each : arguments.sources) read.push_back(each.substr(each.find('=') + 1));
}

// What is kept beside the answers: `all`, or columns with commas between.
void read_keep(const std::string& text, steps::infer::SourceRequest& in) {
  if (text.empty()) return;
  in.keep_key = false;
  in.keep_all = text == "all";
  if (!in.keep_all) in.keep = split(text, ',');
}

Status report(const Arguments& arguments, const ScoreRequest& request, const ScoreSummary& summary,
              double seconds) {
  const std::int64_t lost = summary.rejected + summary.earlier;
  const std::string first =
      summary.first_reject.empty() ? "" : ", the first in " + summary.first_reject;
  const bool nowhere = lost > 0 && request.rejected.empty();
  if (arguments.json) {
    Json out = Json::object();
    out.set("rows", summary.rows).set("scored", summary.scored).set("rejected", summary.rejected);
    if (!arguments.sources.empty()) out.set("rejected_by_steps", summary.earlier);
    out.set("out", request.out).set("seconds", seconds);
    if (lost > 0) {
      out.set("rejected_to", nowhere ? Json() : Json(request.rejected));
      out.set("first_rejected", summary.first_reject);
    }
    const std::string text = out.dump() + "\n";
    if (request.out == "-") {
      print_error(text);
    } else {
      print(text);
    }
  } else if (!arguments.quiet) {
    for (const std::string& note : summary.notes) print_error(format("note: {}\n", note));
    if (lost > 0 && !nowhere) {
      print_error(format("warning: {} rejected{}; all are in \"{}\"\n", counted(lost, "rows"),
                         first, request.rejected));
    }
    if (request.out != "-") {
      print(format("{}: {} scored in {}\n", request.out, counted(summary.scored, "rows"),
                   elapsed_text(seconds)));
    }
  }
  if (!nowhere) return {};
  return fail(Code::kDataRejected, "infer.rejected_nowhere", "{} could not be scored{}",
              counted(lost, "rows"), first)
      .hint("the others are written; keep these with --rejected");
}

// Options that the others leave nothing to do for.
Status hold_options(const Arguments& arguments) {
  constexpr std::string_view kId = "infer.no_effect";
  if (arguments.json && arguments.quiet) return refuse(kId, "-q", "beside --json");
  if (!arguments.sources.empty()) {
    constexpr std::string_view kWhy = "with --source: the pipeline file says how sources are read";
    if (!arguments.form.empty()) return refuse(kId, "--format", kWhy);
    if (!arguments.delimiter.empty()) return refuse(kId, "--delimiter", kWhy);
    return {};
  }
  const std::string_view option = file_option(arguments);
  if (option.empty() || !is_folder(arguments.words.at(0))) return {};
  return refuse(kId, option, "on a bundle's folder without --source");
}

}  // namespace

Status infer_command(const Arguments& arguments) {
  lifecycle::Cancellation::install();
  const double start = monotonic_seconds();
  const auto& words = arguments.words;
  const bool from_sources = !arguments.sources.empty();
  if (words.size() != (from_sources ? 2U : 3U)) {
    return fail(Code::kInvalidInput, "infer.words_missing", "{} where {} are wanted",
                counted(std::ssize(words), "words"), from_sources ? "MODEL OUT" : "MODEL IN OUT")
        .hint("kingpost infer MODEL IN OUT, or kingpost infer MODEL OUT --source NAME=PATH");
  }
  TRY_STATUS(hold_options(arguments));
  if (!arguments.memory.empty() && !is_amount(arguments.memory)) {
    return fail(Code::kInvalidInput, "infer.not_an_amount", "\"{}\" is no amount of memory",
                shown(arguments.memory))
        .hint("e.g. --memory 1GB");
  }
  std::vector<std::string> read;
  TRY(const auto opened, find_model(arguments, read));
  TRY(const Scratch scratch, Scratch::make("infer"));
  ScoreRequest request;
  request.model = opened.model.get();
  request.signature = &opened.signature;
  request.out = words.back();
  if (from_sources) {
    request.in.form = steps::infer::Form::kParquet;
  } else {
    request.in.path = words.at(1);
    TRY(request.in.form, steps::infer::form_of(request.in.path, arguments.form));
    if (request.in.form != steps::infer::Form::kCsv && !arguments.delimiter.empty()) {
      return refuse("infer.no_effect", "--delimiter", "where IN is no CSV file");
    }
  }
  TRY(request.out_form, out_form(arguments, request.in.form));
  request.rejected = rejected_path(arguments);
  add_read_paths(arguments, read);
  TRY_STATUS(steps::infer::check_places(read, request.out, request.rejected));
  if (from_sources) TRY_STATUS(curate(arguments, scratch.path(), request));
  request.in.engine = {arguments.memory, arguments.threads, scratch.path() + "/spill"};
  read_keep(arguments.keep, request.in);
  TRY(request.in.delimiter, delimiter_of(arguments.delimiter));
  request.threads = arguments.threads;
  request.cancelled = [] { return lifecycle::Cancellation::requested(); };
  TRY(ScoreSummary summary, steps::infer::score_file(request));
  if (from_sources) summary.notes.clear();
  return report(arguments, request, summary, monotonic_seconds() - start);
}

}  // namespace kingpost::cli
