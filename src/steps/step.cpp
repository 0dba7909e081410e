// SPDX-License-Identifier: Apache-2.0
// What the data steps share: sealed tables in, sealed tables out.
#include "steps/step.h"

#include "base/failpoint.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"

namespace kingpost::steps {

Result<records::Table> write_table(RunContext& context, const records::TableSchema& schema,
                                   const std::string& query) {
  const std::string path = context.objects.temp_path(".parquet");
  failpoint("table_begin");
  if (auto done = context.sql.run(sql::write_parquet(query, path)); !done) {
    TRY_STATUS(remove_file(path));
    return std::move(done).error();
  }
  TRY(const auto counted,
      context.sql.query(format("SELECT count(*) AS n FROM {}", sql::parquet(path))));
  records::Table table;
  table.name = schema.name;
  table.schema = schema;
  table.rows = counted.integer(0, "n");
  TRY(const store::Sealed sealed, context.objects.seal(path));
  table.digest = sealed.digest;
  table.bytes = sealed.bytes;
  return table;
}

Result<records::File> seal_file(RunContext& context, std::string name, const std::string& path,
                                const std::string& digest) {
  TRY(const store::Sealed sealed, context.objects.seal(path, digest));
  return records::File{std::move(name), sealed.digest, sealed.bytes};
}

Status seal_files(RunContext& context, const std::vector<Finished>& files, records::Dataset& out) {
  std::vector<Result<records::File>> sealed(files.size(), records::File());
  parallel(files.size(), static_cast<int>(files.size()), [&](std::size_t i) {
    sealed[i] = seal_file(context, files[i].name, files[i].path, files[i].digest);
  });
  for (Result<records::File>& each : sealed) {
    TRY(records::File file, std::move(each));
    out.put(std::move(file));
  }
  return {};
}

Result<records::File> seal_bytes(RunContext& context, std::string name, std::string_view bytes) {
  TRY(const store::Sealed sealed, context.objects.seal_text(bytes));
  return records::File{std::move(name), sealed.digest, sealed.bytes};
}

namespace {

Result<const records::File*> file_of(const RunContext& context, std::string_view name) {
  const records::File* file = context.input.find_file(name);
  if (file != nullptr) return file;
  return fail(Code::kInternal, "step.file_missing", "no earlier step left a file \"{}\"", name)
      .hint("please report this with the pipeline file");
}

}  // namespace

Result<std::string> bytes_of(const RunContext& context, std::string_view name) {
  TRY(const records::File* file, file_of(context, name));
  return context.objects.read(file->digest);
}

Result<Json> json_of(const RunContext& context, std::string_view name) {
  TRY(const std::string text, bytes_of(context, name));
  return parse_json(text);
}

Result<Npy> array_of(const RunContext& context, std::string_view name) {
  TRY(const records::File* file, file_of(context, name));
  return Npy::open(context.objects.path_of(file->digest));
}

Status account_rows(std::string_view id, std::string_view table, std::int64_t in,
                    std::int64_t out) {
  if (in == out) return {};
  return fail(Code::kInternal, id, "\"{}\": {} rows came in but {} are accounted for", table, in,
              out)
      .hint("please report this with the file; nothing was sealed");
}

std::string from_table(const RunContext& context, const records::Table& table, bool numbered) {
  return format("{} AS {}", sql::parquet(context.objects.path_of(table.digest), numbered),
                sql::identifier(table.name));
}

Result<std::vector<records::Column>> describe(sql::Session& session, const std::string& query) {
  TRY(const auto rows, session.query("DESCRIBE " + query));
  std::vector<records::Column> columns;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto word = sql::type_word(rows.text(r, "column_type"));
    if (!word) {
      return fail(Code::kInvalidInput, "table.type_unsupported",
                  "column \"{}\" has the type {}, which is not supported",
                  shown(rows.text(r, "column_name")), rows.text(r, "column_type"))
          .hint("leave it out, or turn it into plain columns first");
    }
    columns.push_back({rows.text(r, "column_name"), *word, {}, {}});
  }
  return columns;
}

std::string cell_text(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_string()) return shown(value.text(), 80);
  return value.dump();
}

}  // namespace kingpost::steps
