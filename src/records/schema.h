// The tables of an archive, in one place.
#pragma once

#include "records/database.h"

namespace inquest::records {

// Makes the tables if they are not there. kMismatch when a newer inquest wrote the archive.
Result<void> prepare_archive_schema(Database& database);

}  // namespace inquest::records
