#include "storage/dead_postings.h"

#include <string>
#include <utility>
#include <vector>

#include "storage/coding.h"
#include "storage/term_index.h"

namespace storage {

namespace {

class Filter : public rocksdb::CompactionFilter {
 public:
  explicit Filter(std::shared_ptr<const BlockFloors> floors) : floors_(std::move(floors)) {}

  const char* Name() const override { return "auspex.postings.dead"; }

  Decision FilterV2(int, const rocksdb::Slice& key, ValueType, const rocksdb::Slice& value,
                    std::string* new_value, std::string*) const override {
    // An operand without postings is none; a value without postings is a term that nothing has.
    if (value.empty()) return Decision::kRemove;
    Day day = 0;
    const std::string_view bytes = ToView(key);
    if (bytes.size() < sizeof(day)) return Decision::kKeep;
    std::string_view end = bytes.substr(bytes.size() - sizeof(day));
    if (!TakeFixed32(&end, &day) || !floors_->HasDay(day)) return Decision::kKeep;
    std::vector<Posting> postings;
    // What is damaged stays, for who reads it to tell.
    if (!TakePostings(ToView(value), &postings)) return Decision::kKeep;
    const size_t before = postings.size();
    floors_->Clean(day, &postings);
    if (postings.size() == before) return Decision::kKeep;
    if (postings.empty()) return Decision::kRemove;
    new_value->clear();
    for (const Posting& posting : postings) PutPosting(posting, new_value);
    return Decision::kChangeValue;
  }

 private:
  const std::shared_ptr<const BlockFloors> floors_;
};

}  // namespace

void DeadPostingsFilters::SetFloors(BlockFloors floors) {
  auto shared = std::make_shared<const BlockFloors>(std::move(floors));
  const std::lock_guard lock(mutex_);
  floors_ = std::move(shared);
}

std::unique_ptr<rocksdb::CompactionFilter> DeadPostingsFilters::CreateCompactionFilter(
    const rocksdb::CompactionFilter::Context&) {
  const std::lock_guard lock(mutex_);
  return std::make_unique<Filter>(floors_);
}

}  // namespace storage
