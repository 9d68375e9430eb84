#include "pki/secret_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "tests/pki/openssl_command.h"
#include "tests/storage/temporary_directory.h"

namespace pki {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kFirstLine[] = "# auspex secrets 1: name sha256 not-after\n";

class SecretFileTest : public testing::Test {
 protected:
  std::vector<Secret> Read() const {
    absl::StatusOr<std::vector<Secret>> read = ReadSecrets(file_.path());
    EXPECT_TRUE(read.ok()) << read.status();
    return *std::move(read);
  }

  std::string Add(const std::string& name, seconds lifetime = hours(1)) {
    absl::StatusOr<std::string> added = file_.Add(name, lifetime);
    EXPECT_TRUE(added.ok()) << added.status();
    return *std::move(added);
  }

  const TemporaryDirectory directory_;
  SecretFile file_{directory_.path() + "/secrets"};
};

TEST_F(SecretFileTest, HoldsDigestsOnly) {
  const uint64_t before_ms = base::NowMs();
  const std::string secret = Add("grafana");
  EXPECT_EQ(secret.size(), 43u);
  const std::vector<Secret> read = Read();
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].name, "grafana");
  EXPECT_EQ(read[0].digest, DigestOf(secret));
  EXPECT_GE(read[0].not_after_ms + 1000, before_ms + 3'600'000);
  EXPECT_THAT(Content(file_.path()), Not(HasSubstr(secret)));
  Write(directory_.path() + "/text", secret);
  EXPECT_THAT(OpensslOutput("dgst -sha256 " + directory_.path() + "/text"),
              HasSubstr(read[0].digest));
}

TEST_F(SecretFileTest, MakesADifferentSecretEachTime) { EXPECT_NE(Add("a"), Add("b")); }

TEST(MakeSecret, MakesNoOptionOfACommandLine) {
  for (int i = 0; i < 2000; ++i) {
    const absl::StatusOr<std::string> secret = MakeSecret();
    ASSERT_TRUE(secret.ok()) << secret.status();
    EXPECT_EQ(secret->size(), 43u);
    EXPECT_NE(secret->front(), '-');
  }
}

TEST_F(SecretFileTest, GivesANameOneSecret) {
  const std::string first = Add("grafana");
  EXPECT_TRUE(absl::IsAlreadyExists(file_.Add("grafana", hours(1)).status()));
  const auto second = file_.Add("grafana", hours(1), /*replaces=*/true);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(Read(), ElementsAre(Field(&Secret::digest, DigestOf(*second))));
  EXPECT_TRUE(file_.Remove("grafana").ok());
  EXPECT_THAT(Read(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(file_.Remove("grafana")));
}

TEST_F(SecretFileTest, ForgetsThoseThatAreOver) {
  Add("old", seconds(-2));
  Add("fresh");
  EXPECT_THAT(Read(), ElementsAre(Field(&Secret::name, "fresh")));
}

TEST_F(SecretFileTest, RefusesWhatIsNoName) {
  EXPECT_TRUE(absl::IsInvalidArgument(file_.Add("two words", hours(1)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(file_.Add("", hours(1)).status()));
}

TEST_F(SecretFileTest, LosesNothingWhenManyAdd) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread] {
      for (int i = 0; i < 10; ++i) Add(std::to_string(thread) + "-" + std::to_string(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Read().size(), 40u);
}

// Whoever may read the directory can lock that.
TEST_F(SecretFileTest, IsNotHeldUpByWhoCanOnlyRead) {
  const int reader = open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(reader, LOCK_SH), 0);
  Add("grafana");
  EXPECT_TRUE(file_.Remove("grafana").ok());
  close(reader);
}

TEST_F(SecretFileTest, NamesTheFileAndTheLineThatIsDamaged) {
  const std::string digest(64, 'a');
  const std::string good = "a " + digest + " 2027-11-28T09:00:00Z\n";
  for (const std::string& bad : std::vector<std::string>{
           "a\n", "a b\n", "a " + digest + "\n", "a " + digest + " tomorrow\n",
           "a " + std::string(64, 'A') + " 2027-11-28T09:00:00Z\n",
           "a " + digest + "a 2027-11-28T09:00:00Z\n", "\n",
           "a " + digest + " 2027-11-28T09:00:00Z b\n", good.substr(0, good.size() - 1)}) {
    Write(file_.path(), kFirstLine + good + bad);
    const auto read = ReadSecrets(file_.path());
    EXPECT_TRUE(absl::IsDataLoss(read.status())) << bad;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(file_.path() + ":3")) << bad;
    EXPECT_TRUE(absl::IsDataLoss(file_.Add("b", hours(1)).status()));
  }
  Write(file_.path(), "something else\n");
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadSecrets(file_.path()).status()));
}

TEST_F(SecretFileTest, NamesTheFileWhereTheDirectoryIsMissing) {
  const auto added = SecretFile("/nowhere/secrets").Add("a", hours(1));
  EXPECT_TRUE(absl::IsNotFound(added.status()));
  EXPECT_THAT(std::string(added.status().message()), HasSubstr("/nowhere/secrets: "));
}

}  // namespace
}  // namespace pki
