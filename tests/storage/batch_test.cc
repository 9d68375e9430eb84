#include "storage/batch.h"

#include <gtest/gtest.h>

namespace storage {
namespace {

Batch Empty() { return Batch({.kind = IdentityKind::kNode, .name = "web1"}, "192.0.2.7"); }

TEST(Batch, KnowsItsFirstAndItsLastRecord) {
  Batch batch = Empty();
  batch.Add("one");
  EXPECT_EQ(batch.first(), "one");
  EXPECT_EQ(batch.last(), "one");
  batch.Add(std::string(1000, 'x'));
  batch.Add("");
  EXPECT_EQ(batch.first(), "one");
  EXPECT_EQ(batch.last(), "");
  EXPECT_EQ(batch.record_count(), 3u);
}

TEST(Batch, ForgetsTheFirstRecordAsIfItHadNotCome) {
  Batch batch = Empty();
  batch.Add(std::string(300, 'x'));
  batch.Add("two");
  batch.RemoveFirst();
  Batch other = Empty();
  other.Add("two");
  EXPECT_EQ(batch.encoded(), other.encoded());
  EXPECT_EQ(batch.record_count(), 1u);
  EXPECT_EQ(batch.last(), "two");
  batch.RemoveFirst();
  EXPECT_EQ(batch.encoded(), "");
  EXPECT_EQ(batch.record_count(), 0u);
}

TEST(Batch, CountsWhatIsNoAuditRecord) {
  Batch batch = Empty();
  batch.AddMalformed("one");
  batch.Add("type=CWD msg=audit(1626611363.720:2): cwd=2F");
  batch.AddMalformed("three");
  EXPECT_EQ(batch.record_count(), 3u);
  EXPECT_EQ(batch.malformed_count(), 2u);
  batch.RemoveFirst();
  EXPECT_EQ(batch.malformed_count(), 1u);
  batch.RemoveFirst();
  EXPECT_EQ(batch.malformed_count(), 1u);
}

}  // namespace
}  // namespace storage
