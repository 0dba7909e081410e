// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/log/log_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/scratch.h"

namespace kingpost::steps::serve {
namespace {

using testing::HasSubstr;

class LogSettingsTest : public testing::Test {
 protected:
  LogSettingsTest() {
    lines_ = std::move(LineLog::open(path_)).value();
    log = std::make_unique<http::AccessLog>(*lines_);
    settings = LogSettings(log.get(), path_);
  }
  std::string why_not(const std::string& text) {
    const Status done = settings.change(*parse_json(text));
    if (done) return "taken";
    EXPECT_EQ(done.error().id(), "serve.log_setting");
    return std::string(done.error().what());
  }
  std::string written() {
    log.reset();
    lines_.reset();
    return read_file(path_).value();
  }

 private:
  Result<Scratch> folder_ = Scratch::make("log_settings");
  std::string path_ = folder_->path() + "/access";
  std::unique_ptr<LineLog> lines_;

 protected:
  std::unique_ptr<http::AccessLog> log;
  LogSettings settings;
};

TEST_F(LogSettingsTest, SayWhichLinesAreKept) {
  const auto note = [&](int status) {
    log->note({.level = http::access_level(status), .status = status});
  };
  for (const int status : {200, 404, 500}) note(status);
  EXPECT_EQ(why_not(R"({"log_info": false, "log_error": false})"), "taken");
  for (const int status : {302, 400, 503}) note(status);
  EXPECT_EQ(why_not(R"({"log_info": true, "log_warning": false})"), "taken");
  for (const int status : {204, 401, 501}) note(status);
  const Json now = settings.read();
  EXPECT_TRUE(now["log_info"].boolean());
  EXPECT_FALSE(now["log_warning"].boolean());
  EXPECT_FALSE(now["log_error"].boolean());
  EXPECT_EQ(settings.read().entries().size(), 6U);
  const std::string text = written();
  for (const int status : {200, 404, 500, 400, 204}) {
    EXPECT_THAT(text, HasSubstr(format("\"status\":{},", status)));
  }
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

TEST_F(LogSettingsTest, AreTakenTogetherOrNotAtAll) {
  EXPECT_THAT(why_not(R"({"log_info": false, "log_file": "/etc/passwd"})"),
              HasSubstr("'log_file' is \""));
  EXPECT_THAT(why_not(R"({"log_info": false, "log_verbose_level": 1})"),
              HasSubstr("'log_verbose_level' is 0 and cannot be changed"));
  EXPECT_THAT(why_not(R"({"log_info": false, "log_format": "default"})"), HasSubstr("log_format"));
  EXPECT_THAT(why_not(R"({"log_info": false, "log_warning": 0})"), HasSubstr("is true or false"));
  EXPECT_THAT(why_not(R"({"log_info": null})"), HasSubstr("is true or false"));
  EXPECT_THAT(why_not(R"({"log_info": false, "log\u0000": true})"), HasSubstr("is not known"));
  EXPECT_THAT(why_not("[]"), HasSubstr("are an object"));
  EXPECT_TRUE(log->keeps(http::AccessLevel::kInfo));
  // What a client read it may write.
  EXPECT_EQ(why_not(settings.read().dump()), "taken");
}

TEST(LogSettings, WithoutALogNothingCanBeTurnedOn) {
  LogSettings none;
  EXPECT_EQ(none.read().dump(),
            R"({"log_file":"","log_info":false,"log_warning":false,"log_error":false,)"
            R"("log_verbose_level":0,"log_format":"ISO8601"})");
  EXPECT_TRUE(none.change(none.read()));
  const Status done = none.change(Json::object().set("log_error", true));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what(), HasSubstr("--access-log"));
}

}  // namespace
}  // namespace kingpost::steps::serve
