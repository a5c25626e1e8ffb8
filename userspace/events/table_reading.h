// SPDX-License-Identifier: GPL-2.0-only
// Reads what an iterator says of one of the kernel's tables: whole records, up to the word that ends the table.
#pragma once

#include "events/source.h"

namespace sockeye {

struct TableRead {
    bool end = false;  // the table's last record has been read
    int error = 0;     // errno; EBADMSG: something came that is no whole record, ENODATA: no end was told
};

// Appends the whole records of one read from `iterator`, a descriptor, 32 KiB at most. WIRE_TABLE_END is left out, and
// so is what stands behind it, which belongs to no table.
TableRead read_table_piece(int iterator, RecordBatch& batch);

}  // namespace sockeye
