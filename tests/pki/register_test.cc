#include "pki/register.h"

#include "absl/strings/str_cat.h"
#include <gtest/gtest.h>

namespace pki {
namespace {

constexpr char kText[] =
    "# auspex ca register 1: serial kind not-after state name\n"
    "5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 client 2027-11-25T09:00:00Z valid web1\n"
    "40000000000000000000000000000001 server 2036-01-01T00:00:00Z revoked=2026-12-24T18:30:05Z "
    "collector.example\n";

TEST(Register, IsReadAsItIsWritten) {
  const auto read = ParseRegister(kText, "register");
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(read->at(0), (IssuedCertificate{.serial = "5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90",
                                            .kind = CertificateKind::kClient,
                                            .not_after_ms = 1827133200000,
                                            .name = "web1"}));
  EXPECT_EQ(SecondsText(read->at(1).revoked_ms.value()), "2026-12-24T18:30:05Z");
  EXPECT_EQ(FormatRegister(*read), kText);
}

TEST(Register, IsKnownByItsFirstLine) {
  for (const char* text : {"", "\n", "# auspex ca register 2: serial\n", "rubbish\n"}) {
    const auto refused = ParseRegister(text, "register");
    EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  }
  EXPECT_TRUE(ParseRegister(FormatRegister({}), "register").value().empty());
}

TEST(Register, NamesTheLineThatIsDamaged) {
  const std::string good =
      "5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 client 2027-11-25T09:00:00Z valid web1";
  for (const std::string& line : {
           std::string(),
           std::string("# a comment"),
           good + " ",
           " " + good,
           good + " more",
           good.substr(1),
           "G" + good.substr(1),
           "f" + good.substr(1),
           std::string("5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 admin 2027-11-25T09:00:00Z valid web1"),
           std::string("5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 client 2027-11-31T09:00:00Z valid web1"),
           std::string("5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 client 1827133200 valid web1"),
           std::string("5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 client 2027-11-25T09:00:00Z ended web1"),
           std::string(
               "5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 client 2027-11-25T09:00:00Z revoked= web1"),
           std::string("5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 client 2027-11-25T09:00:00Z valid w\xFF"),
       }) {
    const auto refused = ParseRegister(absl::StrCat(kText, line, "\n", good, "\n"), "register");
    EXPECT_TRUE(absl::IsDataLoss(refused.status())) << line;
    EXPECT_EQ(refused.status().message(), "register:4: is damaged") << line;
  }
}

TEST(Register, SaysThatItsLastLineIsCutOff) {
  const std::string text = kText;
  const size_t last_line = text.rfind('\n', text.size() - 2) + 1;
  for (size_t size = last_line + 1; size < text.size(); ++size) {
    const auto refused = ParseRegister(text.substr(0, size), "register");
    EXPECT_EQ(refused.status().message(), "register:3: is cut off") << size;
  }
}

}  // namespace
}  // namespace pki
