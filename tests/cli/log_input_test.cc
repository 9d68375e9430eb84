#include "cli/log_input.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <zlib.h>
#include <zstd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string Zstandard(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 1));
  return packed;
}

std::string Lines(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

class LogInputTest : public testing::Test {
 protected:
  static std::string NewDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "auspex-test-XXXXXX";
    return mkdtemp(name.data());
  }
  ~LogInputTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }

  // The pieces of the log, and why it ended.
  std::vector<std::string> Pieces(const std::string& bytes) {
    std::vector<std::string> pieces;
    absl::StatusOr<LogInput> input = LogInput::Open(Write(bytes));
    status_ = input.status();
    while (status_.ok()) {
      const absl::StatusOr<std::string_view> piece = input->Next();
      status_ = piece.status();
      if (!piece.ok() || piece->empty()) break;
      pieces.emplace_back(*piece);
    }
    return pieces;
  }

  const std::string directory_ = NewDirectory();
  const std::string path_ = directory_ + "/audit.log";
  absl::Status status_;
};

TEST_F(LogInputTest, GivesWholeLines) {
  EXPECT_THAT(Pieces("a\nb\n"), ElementsAre("a\nb\n"));
  EXPECT_THAT(Pieces("a\r\nb"), ElementsAre("a\r\nb"));
  EXPECT_THAT(Pieces(""), IsEmpty());
  EXPECT_THAT(Pieces("\n"), ElementsAre("\n"));
}

TEST_F(LogInputTest, CutsPiecesWhereTheTextSaysHoweverItIsPacked) {
  const std::string text = Lines(400'000) + "the end";
  const std::vector<std::string> pieces = Pieces(text);
  ASSERT_GT(pieces.size(), 3u);
  std::string joined;
  for (const std::string& piece : pieces) {
    EXPECT_LE(piece.size(), kPieceBytes);
    joined += piece;
  }
  EXPECT_EQ(joined, text);
  EXPECT_EQ(Pieces(Gzipped(text)), pieces);
  EXPECT_EQ(Pieces(Zstandard(text)), pieces);
  // Several members, or frames, make one text.
  EXPECT_EQ(Pieces(Gzipped(text.substr(0, 1'000'001)) + Gzipped(text.substr(1'000'001))), pieces);
  EXPECT_EQ(Pieces(Zstandard(text.substr(0, 99)) + Zstandard(text.substr(99))), pieces);
}

TEST_F(LogInputTest, GivesALineThatIsLongerThanAPiece) {
  const std::string line(kPieceBytes + 5, 'x');
  EXPECT_THAT(Pieces("a\n" + line + "\nb\n"), ElementsAre("a\n", line + "\nb\n"));
}

TEST_F(LogInputTest, RefusesALineThatIsTooLong) {
  EXPECT_THAT(Pieces("a\n" + std::string(kLineBytesMax + 1, 'x')), ElementsAre("a\n"));
  EXPECT_EQ(status_.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status_.message()), HasSubstr(path_));
}

TEST_F(LogInputTest, GivesTheWholeLinesInFrontOfDamage) {
  const std::string text = Lines(400'000);
  for (const std::string& packed : {Gzipped(text), Zstandard(text)}) {
    std::string given;
    for (const std::string& piece : Pieces(packed.substr(0, packed.size() / 2))) given += piece;
    EXPECT_EQ(status_.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status_.message()), HasSubstr(path_ + ": damaged after "));
    EXPECT_GT(given.size(), text.size() / 4);
    EXPECT_EQ(given, text.substr(0, given.size()));
    EXPECT_EQ(given.back(), '\n');
  }
}

TEST_F(LogInputTest, NamesWhatItCannotOpen) {
  const absl::Status missing = LogInput::Open(directory_ + "/none").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr("/none: No such file"));
  EXPECT_THAT(std::string(LogInput::Open(directory_).status().message()),
              HasSubstr("Is a directory"));
}

TEST(InOrderOfAge, PutsTheOldestFirst) {
  EXPECT_THAT(InOrderOfAge({"audit.log", "audit.log.1", "audit.log.10.gz", "audit.log.2.zst"}),
              ElementsAre("audit.log.10.gz", "audit.log.2.zst", "audit.log.1", "audit.log"));
  EXPECT_THAT(InOrderOfAge({"a-20240201.gz", "a", "a-20240131", "a-2024013113"}),
              ElementsAre("a-20240131", "a-20240201.gz", "a-2024013113", "a"));
}

TEST(InOrderOfAge, LeavesOtherFilesWhereTheyAre) {
  EXPECT_THAT(InOrderOfAge({"b", "a.1", "x/a.1", "b", "a", "-"}),
              ElementsAre("b", "a.1", "a", "x/a.1", "-"));
}

}  // namespace
}  // namespace cli
