#include "client-plugin/plugin_input.h"

#include <libaudit.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/record.h"

namespace client_plugin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// auditd's end of a pipe, and our end.
class PluginInputTest : public testing::Test {
 protected:
  PluginInputTest() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    input_.emplace(base::FileDescriptor(ends[0]));
    auditd_ = base::FileDescriptor(ends[1]);
  }

  void Write(std::string_view bytes) {
    EXPECT_EQ(write(auditd_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  static std::string Frame(uint32_t version, uint32_t type, const std::string& text,
                           uint32_t header_bytes = sizeof(audit_dispatcher_header)) {
    const audit_dispatcher_header header{.ver = version,
                                         .hlen = header_bytes,
                                         .type = type,
                                         .size = static_cast<uint32_t>(text.size())};
    std::string frame(reinterpret_cast<const char*>(&header), sizeof(header));
    frame.resize(header_bytes);
    return frame + text;
  }

  // What is there, as "type:text".
  std::vector<std::string> ReadAll() {
    std::vector<std::string> all;
    do {
      status_ = input_->Read([&](uint16_t type, std::string_view text) {
        all.push_back(absl::StrCat(type, ":", std::string(text)));
      });
    } while (status_.ok() && *status_);
    return all;
  }

  void End() { auditd_ = base::FileDescriptor(); }

  std::optional<PluginInput> input_;
  base::FileDescriptor auditd_;
  absl::StatusOr<bool> status_;
};

TEST_F(PluginInputTest, ReadsLinesHoweverTheyCome) {
  EXPECT_THAT(ReadAll(), IsEmpty());
  Write("ty");
  EXPECT_THAT(ReadAll(), IsEmpty());
  Write("pe=CWD msg=audit(1.000:1): cwd=\"/\"\nnode=web1 type=EOE msg=au");
  EXPECT_THAT(ReadAll(), ElementsAre("0:type=CWD msg=audit(1.000:1): cwd=\"/\""));
  Write("dit(1.000:1): \nlast");
  EXPECT_THAT(ReadAll(), ElementsAre("0:node=web1 type=EOE msg=audit(1.000:1): "));
  EXPECT_TRUE(status_.ok());
  End();
  EXPECT_THAT(ReadAll(), ElementsAre("0:last"));
  EXPECT_TRUE(absl::IsOutOfRange(status_.status())) << status_.status();
}

TEST_F(PluginInputTest, ReadsTheBinaryFormat) {
  const std::string first = Frame(AUDISP_PROTOCOL_VER, AUDIT_CWD, "audit(1.000:1): cwd=\"/\"");
  // A later header has more in it.
  const std::string second =
      Frame(AUDISP_PROTOCOL_VER2, AUDIT_CWD, "type=CWD msg=audit(1.000:2): ", 20);
  Write(first + second.substr(0, 30));
  EXPECT_THAT(ReadAll(), ElementsAre("1307:audit(1.000:1): cwd=\"/\""));
  Write(second.substr(30));
  EXPECT_THAT(ReadAll(), ElementsAre("0:type=CWD msg=audit(1.000:2): "));
  End();
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_TRUE(absl::IsOutOfRange(status_.status())) << status_.status();
}

// As auditd 3.0.9 writes it: what follows a text is what was in its memory.
TEST_F(PluginInputTest, ReadsTheBinaryFormatWithPadding) {
  const auto padded = [](const std::string& text, char padding) {
    std::string frame = Frame(AUDISP_PROTOCOL_VER2, AUDIT_CWD, text);
    frame.resize(sizeof(audit_dispatcher_header) + MAX_AUDIT_MESSAGE_LENGTH, padding);
    return frame;
  };
  const std::string longest(MAX_AUDIT_MESSAGE_LENGTH, 'l');
  const std::string all =
      padded("first", '\0') + padded("second", 'x') + padded(longest, ' ') + padded("last", '\1');
  for (const size_t cut : {1, 21, 22, 37, 38, 8985, 8986, 8990, 9010, 20000, 30000}) {
    SCOPED_TRACE(cut);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    input_.emplace(base::FileDescriptor(ends[0]));
    auditd_ = base::FileDescriptor(ends[1]);
    Write(all.substr(0, cut));
    std::vector<std::string> texts = ReadAll();
    Write(all.substr(cut));
    End();
    for (std::string& text : ReadAll()) texts.push_back(std::move(text));
    EXPECT_THAT(texts, ElementsAre("0:first", "0:second", "0:" + longest, "0:last"));
    EXPECT_TRUE(absl::IsOutOfRange(status_.status())) << status_.status();
  }
}

TEST_F(PluginInputTest, KeepsTheBeginningOfALineThatIsTooLong) {
  const std::string line = "type=" + std::string(3 * audit::kRecordBytesMax, 'x');
  Write(line.substr(0, 30000));
  EXPECT_THAT(ReadAll(), ElementsAre("0:" + line.substr(0, audit::kRecordBytesMax)));
  Write(line.substr(30000) + "\ntype=CWD\n");
  EXPECT_THAT(ReadAll(), ElementsAre("0:type=CWD"));
  EXPECT_EQ(input_->records_cut(), 1u);
}

TEST_F(PluginInputTest, RefusesWhatIsNotOfAuditd) {
  Write("hello there");
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_TRUE(absl::IsInvalidArgument(status_.status()));
}

TEST_F(PluginInputTest, NamesWhatIsWrongInABinaryHeader) {
  Write(Frame(0, 1300, "x") + Frame(1, 1300, std::string(100'000, 'x')).substr(0, 100));
  EXPECT_THAT(ReadAll(), ElementsAre("1300:x"));
  EXPECT_THAT(std::string(status_.status().message()), HasSubstr("100000 bytes of text"));
}

TEST_F(PluginInputTest, TellsThatTheLastRecordIsCutOff) {
  Write(Frame(0, 1300, "whole").substr(0, 19));
  EXPECT_THAT(ReadAll(), IsEmpty());
  End();
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_THAT(std::string(status_.status().message()), HasSubstr("within a record"));
}

}  // namespace
}  // namespace client_plugin
