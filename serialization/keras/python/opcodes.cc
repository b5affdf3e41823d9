#include "nomograph/serialization/keras/python/opcodes.h"

#include <iterator>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/status.h"

namespace nomograph::keras {
namespace {

// Sources: Lib/opcode.py of each version, and from 3.11 on its inline cache entries; for 3.3 to 3.5
// and 3.14 the documentation of the module dis and the lists of opcode numbers of those versions.
// Instructions that only run-time instrumentation writes are left out: marshal data never has them.
constexpr PythonVersion kVersions[] = {
    {.number = 207,
     .layout = CodeLayout::kPython2,
     .has_blocks = true,
     .opcodes = "SLICE+0=30 SLICE+1=31 SLICE+2=32 SLICE+3=33 "
                "STOP_CODE=0 POP_TOP=1 ROT_TWO=2 ROT_THREE=3 DUP_TOP=4 ROT_FOUR=5 NOP=9 "
                "UNARY_POSITIVE=10 UNARY_NEGATIVE=11 UNARY_NOT=12 UNARY_CONVERT=13 UNARY_INVERT=15 "
                "BINARY_POWER=19 BINARY_MULTIPLY=20 BINARY_DIVIDE=21 BINARY_MODULO=22 "
                "BINARY_ADD=23 BINARY_SUBTRACT=24 BINARY_SUBSCR=25 BINARY_FLOOR_DIVIDE=26 "
                "BINARY_TRUE_DIVIDE=27 INPLACE_FLOOR_DIVIDE=28 INPLACE_TRUE_DIVIDE=29 STORE_MAP=54 "
                "INPLACE_ADD=55 INPLACE_SUBTRACT=56 INPLACE_MULTIPLY=57 INPLACE_DIVIDE=58 "
                "INPLACE_MODULO=59 STORE_SUBSCR=60 DELETE_SUBSCR=61 BINARY_LSHIFT=62 "
                "BINARY_RSHIFT=63 BINARY_AND=64 BINARY_XOR=65 BINARY_OR=66 INPLACE_POWER=67 "
                "GET_ITER=68 PRINT_EXPR=70 PRINT_ITEM=71 PRINT_NEWLINE=72 PRINT_ITEM_TO=73 "
                "PRINT_NEWLINE_TO=74 INPLACE_LSHIFT=75 INPLACE_RSHIFT=76 INPLACE_AND=77 "
                "INPLACE_XOR=78 INPLACE_OR=79 BREAK_LOOP=80 WITH_CLEANUP=81 LOAD_LOCALS=82 "
                "RETURN_VALUE=83 IMPORT_STAR=84 EXEC_STMT=85 YIELD_VALUE=86 POP_BLOCK=87 "
                "END_FINALLY=88 BUILD_CLASS=89 STORE_NAME=90 DELETE_NAME=91 UNPACK_SEQUENCE=92 "
                "FOR_ITER=93 LIST_APPEND=94 STORE_ATTR=95 DELETE_ATTR=96 STORE_GLOBAL=97 "
                "DELETE_GLOBAL=98 DUP_TOPX=99 LOAD_CONST=100 LOAD_NAME=101 BUILD_TUPLE=102 "
                "BUILD_LIST=103 BUILD_SET=104 BUILD_MAP=105 LOAD_ATTR=106 COMPARE_OP=107 "
                "IMPORT_NAME=108 IMPORT_FROM=109 JUMP_FORWARD=110 JUMP_IF_FALSE_OR_POP=111 "
                "JUMP_IF_TRUE_OR_POP=112 JUMP_ABSOLUTE=113 POP_JUMP_IF_FALSE=114 "
                "POP_JUMP_IF_TRUE=115 LOAD_GLOBAL=116 CONTINUE_LOOP=119 SETUP_LOOP=120 "
                "SETUP_EXCEPT=121 SETUP_FINALLY=122 LOAD_FAST=124 STORE_FAST=125 DELETE_FAST=126 "
                "RAISE_VARARGS=130 CALL_FUNCTION=131 MAKE_FUNCTION=132 BUILD_SLICE=133 "
                "MAKE_CLOSURE=134 LOAD_CLOSURE=135 LOAD_DEREF=136 STORE_DEREF=137 "
                "CALL_FUNCTION_VAR=140 CALL_FUNCTION_KW=141 CALL_FUNCTION_VAR_KW=142 "
                "SETUP_WITH=143 EXTENDED_ARG=145 SET_ADD=146 MAP_ADD=147"},
    {.number = 303,
     .layout = CodeLayout::kKeywordOnly,
     .has_blocks = true,
     .opcodes = "POP_TOP=1 ROT_TWO=2 ROT_THREE=3 DUP_TOP=4 DUP_TOP_TWO=5 NOP=9 UNARY_POSITIVE=10 "
                "UNARY_NEGATIVE=11 UNARY_NOT=12 UNARY_INVERT=15 BINARY_POWER=19 BINARY_MULTIPLY=20 "
                "BINARY_MODULO=22 BINARY_ADD=23 BINARY_SUBTRACT=24 BINARY_SUBSCR=25 "
                "BINARY_FLOOR_DIVIDE=26 BINARY_TRUE_DIVIDE=27 INPLACE_FLOOR_DIVIDE=28 "
                "INPLACE_TRUE_DIVIDE=29 STORE_MAP=54 INPLACE_ADD=55 INPLACE_SUBTRACT=56 "
                "INPLACE_MULTIPLY=57 INPLACE_MODULO=59 STORE_SUBSCR=60 DELETE_SUBSCR=61 "
                "BINARY_LSHIFT=62 BINARY_RSHIFT=63 BINARY_AND=64 BINARY_XOR=65 BINARY_OR=66 "
                "INPLACE_POWER=67 GET_ITER=68 STORE_LOCALS=69 PRINT_EXPR=70 LOAD_BUILD_CLASS=71 "
                "YIELD_FROM=72 INPLACE_LSHIFT=75 INPLACE_RSHIFT=76 INPLACE_AND=77 INPLACE_XOR=78 "
                "INPLACE_OR=79 BREAK_LOOP=80 WITH_CLEANUP=81 RETURN_VALUE=83 IMPORT_STAR=84 "
                "YIELD_VALUE=86 POP_BLOCK=87 END_FINALLY=88 POP_EXCEPT=89 STORE_NAME=90 "
                "DELETE_NAME=91 UNPACK_SEQUENCE=92 FOR_ITER=93 UNPACK_EX=94 STORE_ATTR=95 "
                "DELETE_ATTR=96 STORE_GLOBAL=97 DELETE_GLOBAL=98 LOAD_CONST=100 LOAD_NAME=101 "
                "BUILD_TUPLE=102 BUILD_LIST=103 BUILD_SET=104 BUILD_MAP=105 LOAD_ATTR=106 "
                "COMPARE_OP=107 IMPORT_NAME=108 IMPORT_FROM=109 JUMP_FORWARD=110 "
                "JUMP_IF_FALSE_OR_POP=111 JUMP_IF_TRUE_OR_POP=112 JUMP_ABSOLUTE=113 "
                "POP_JUMP_IF_FALSE=114 POP_JUMP_IF_TRUE=115 LOAD_GLOBAL=116 CONTINUE_LOOP=119 "
                "SETUP_LOOP=120 SETUP_EXCEPT=121 SETUP_FINALLY=122 LOAD_FAST=124 STORE_FAST=125 "
                "DELETE_FAST=126 RAISE_VARARGS=130 CALL_FUNCTION=131 MAKE_FUNCTION=132 "
                "BUILD_SLICE=133 MAKE_CLOSURE=134 LOAD_CLOSURE=135 LOAD_DEREF=136 STORE_DEREF=137 "
                "DELETE_DEREF=138 CALL_FUNCTION_VAR=140 CALL_FUNCTION_KW=141 "
                "CALL_FUNCTION_VAR_KW=142 SETUP_WITH=143 EXTENDED_ARG=144 LIST_APPEND=145 "
                "SET_ADD=146 MAP_ADD=147"},
    {.number = 304,
     .layout = CodeLayout::kKeywordOnly,
     .has_blocks = true,
     .opcodes = "LOAD_CLASSDEREF=148",
     .as_previous_but_for = "STORE_LOCALS"},
    {.number = 305,
     .layout = CodeLayout::kKeywordOnly,
     .has_blocks = true,
     .opcodes = "BINARY_MATRIX_MULTIPLY=16 INPLACE_MATRIX_MULTIPLY=17 GET_AITER=50 GET_ANEXT=51 "
                "BEFORE_ASYNC_WITH=52 GET_YIELD_FROM_ITER=69 GET_AWAITABLE=73 "
                "WITH_CLEANUP_START=81 WITH_CLEANUP_FINISH=82 BUILD_LIST_UNPACK=149 "
                "BUILD_MAP_UNPACK=150 BUILD_MAP_UNPACK_WITH_CALL=151 BUILD_TUPLE_UNPACK=152 "
                "BUILD_SET_UNPACK=153 SETUP_ASYNC_WITH=154",
     .as_previous_but_for = "STORE_MAP WITH_CLEANUP"},
    {.number = 306,
     .layout = CodeLayout::kKeywordOnly,
     .word_code = true,
     .has_blocks = true,
     .opcodes = "SETUP_ANNOTATIONS=85 STORE_ANNOTATION=127 CALL_FUNCTION_EX=142 FORMAT_VALUE=155 "
                "BUILD_CONST_KEY_MAP=156 BUILD_STRING=157 BUILD_TUPLE_UNPACK_WITH_CALL=158",
     .as_previous_but_for = "CALL_FUNCTION_VAR CALL_FUNCTION_VAR_KW MAKE_CLOSURE"},
    {.number = 307,
     .layout = CodeLayout::kKeywordOnly,
     .word_code = true,
     .has_blocks = true,
     .opcodes = "LOAD_METHOD=160 CALL_METHOD=161",
     .as_previous_but_for = "STORE_ANNOTATION"},
    {.number = 308,
     .layout = CodeLayout::kPositionalOnly,
     .word_code = true,
     .has_blocks = true,
     .opcodes = "ROT_FOUR=6 BEGIN_FINALLY=53 END_ASYNC_FOR=54 CALL_FINALLY=162 POP_FINALLY=163",
     .as_previous_but_for = "BREAK_LOOP CONTINUE_LOOP SETUP_EXCEPT SETUP_LOOP"},
    {.number = 309,
     .layout = CodeLayout::kPositionalOnly,
     .word_code = true,
     .has_blocks = true,
     .opcodes = "RERAISE=48 WITH_EXCEPT_START=49 LOAD_ASSERTION_ERROR=74 LIST_TO_TUPLE=82 "
                "IS_OP=117 CONTAINS_OP=118 JUMP_IF_NOT_EXC_MATCH=121 LIST_EXTEND=162 "
                "SET_UPDATE=163 DICT_MERGE=164 DICT_UPDATE=165",
     .as_previous_but_for =
         "BEGIN_FINALLY BUILD_LIST_UNPACK BUILD_MAP_UNPACK BUILD_MAP_UNPACK_WITH_CALL "
         "BUILD_SET_UNPACK BUILD_TUPLE_UNPACK BUILD_TUPLE_UNPACK_WITH_CALL CALL_FINALLY "
         "END_FINALLY POP_FINALLY WITH_CLEANUP_FINISH WITH_CLEANUP_START"},
    {.number = 310,
     .layout = CodeLayout::kPositionalOnly,
     .lines = LineTable::kRanges,
     .word_code = true,
     .jump_unit = 2,
     .has_blocks = true,
     .opcodes = "GET_LEN=30 MATCH_MAPPING=31 MATCH_SEQUENCE=32 MATCH_KEYS=33 "
                "COPY_DICT_WITHOUT_KEYS=34 ROT_N=99 RERAISE=119 GEN_START=129 MATCH_CLASS=152",
     .as_previous_but_for = "RERAISE"},
    {.number = 311,
     .layout = CodeLayout::kLocalsPlus,
     .lines = LineTable::kLocations,
     .word_code = true,
     .jump_unit = 2,
     .relative_jumps = true,
     .global_null_bit = true,
     .opcodes = "PUSH_NULL=2 PUSH_EXC_INFO=35 CHECK_EXC_MATCH=36 CHECK_EG_MATCH=37 BEFORE_WITH=53 "
                "RETURN_GENERATOR=75 ASYNC_GEN_WRAP=87 PREP_RERAISE_STAR=88 SWAP=99 "
                "POP_JUMP_FORWARD_IF_FALSE=114 POP_JUMP_FORWARD_IF_TRUE=115 COPY=120 BINARY_OP=122 "
                "SEND=123 POP_JUMP_FORWARD_IF_NOT_NONE=128 POP_JUMP_FORWARD_IF_NONE=129 "
                "GET_AWAITABLE=131 JUMP_BACKWARD_NO_INTERRUPT=134 MAKE_CELL=135 LOAD_CLOSURE=136 "
                "LOAD_DEREF=137 STORE_DEREF=138 DELETE_DEREF=139 JUMP_BACKWARD=140 "
                "COPY_FREE_VARS=149 RESUME=151 PRECALL=166 CALL=171 KW_NAMES=172 "
                "POP_JUMP_BACKWARD_IF_NOT_NONE=173 POP_JUMP_BACKWARD_IF_NONE=174 "
                "POP_JUMP_BACKWARD_IF_FALSE=175 POP_JUMP_BACKWARD_IF_TRUE=176",
     .as_previous_but_for =
         "BINARY_ADD BINARY_AND BINARY_FLOOR_DIVIDE BINARY_LSHIFT BINARY_MATRIX_MULTIPLY "
         "BINARY_MODULO BINARY_MULTIPLY BINARY_OR BINARY_POWER BINARY_RSHIFT "
         "BINARY_SUBTRACT BINARY_TRUE_DIVIDE BINARY_XOR CALL_FUNCTION CALL_FUNCTION_KW "
         "CALL_METHOD COPY_DICT_WITHOUT_KEYS DELETE_DEREF DUP_TOP DUP_TOP_TWO GEN_START "
         "GET_AWAITABLE INPLACE_ADD INPLACE_AND INPLACE_FLOOR_DIVIDE INPLACE_LSHIFT "
         "INPLACE_MATRIX_MULTIPLY INPLACE_MODULO INPLACE_MULTIPLY INPLACE_OR INPLACE_POWER "
         "INPLACE_RSHIFT INPLACE_SUBTRACT INPLACE_TRUE_DIVIDE INPLACE_XOR JUMP_ABSOLUTE "
         "JUMP_IF_NOT_EXC_MATCH LOAD_CLOSURE LOAD_DEREF POP_BLOCK POP_JUMP_IF_FALSE "
         "POP_JUMP_IF_TRUE ROT_FOUR ROT_N ROT_THREE ROT_TWO SETUP_ASYNC_WITH SETUP_FINALLY "
         "SETUP_WITH STORE_DEREF YIELD_FROM",
     .caches = "STORE_SUBSCR=1 UNPACK_SEQUENCE=1 BINARY_OP=1 PRECALL=1 COMPARE_OP=2 "
               "BINARY_SUBSCR=4 STORE_ATTR=4 LOAD_ATTR=4 CALL=4 LOAD_GLOBAL=5 LOAD_METHOD=10"},
    {.number = 312,
     .layout = CodeLayout::kLocalsPlus,
     .lines = LineTable::kLocations,
     .word_code = true,
     .jump_unit = 2,
     .relative_jumps = true,
     .compare_shift = 4,
     .global_null_bit = true,
     .attribute_method_bit = true,
     .end_for_pops = 2,
     .opcodes = "INTERPRETER_EXIT=3 END_FOR=4 END_SEND=5 BINARY_SLICE=26 STORE_SLICE=27 "
                "CLEANUP_THROW=55 LOAD_LOCALS=87 POP_JUMP_IF_FALSE=114 POP_JUMP_IF_TRUE=115 "
                "RETURN_CONST=121 LOAD_FAST_CHECK=127 POP_JUMP_IF_NOT_NONE=128 "
                "POP_JUMP_IF_NONE=129 LOAD_SUPER_ATTR=141 LOAD_FAST_AND_CLEAR=143 YIELD_VALUE=150 "
                "CALL_INTRINSIC_1=173 CALL_INTRINSIC_2=174 LOAD_FROM_DICT_OR_GLOBALS=175 "
                "LOAD_FROM_DICT_OR_DEREF=176",
     .as_previous_but_for =
         "ASYNC_GEN_WRAP IMPORT_STAR JUMP_IF_FALSE_OR_POP JUMP_IF_TRUE_OR_POP LIST_TO_TUPLE "
         "LOAD_CLASSDEREF LOAD_METHOD POP_JUMP_BACKWARD_IF_FALSE POP_JUMP_BACKWARD_IF_NONE "
         "POP_JUMP_BACKWARD_IF_NOT_NONE POP_JUMP_BACKWARD_IF_TRUE POP_JUMP_FORWARD_IF_FALSE "
         "POP_JUMP_FORWARD_IF_NONE POP_JUMP_FORWARD_IF_NOT_NONE POP_JUMP_FORWARD_IF_TRUE "
         "PRECALL PREP_RERAISE_STAR PRINT_EXPR UNARY_POSITIVE YIELD_VALUE",
     .caches = "BINARY_SUBSCR=1 STORE_SUBSCR=1 UNPACK_SEQUENCE=1 FOR_ITER=1 COMPARE_OP=1 "
               "BINARY_OP=1 SEND=1 LOAD_SUPER_ATTR=1 CALL=3 STORE_ATTR=4 LOAD_GLOBAL=4 "
               "LOAD_ATTR=9"},
    {.number = 313,
     .layout = CodeLayout::kLocalsPlus,
     .lines = LineTable::kLocations,
     .word_code = true,
     .jump_unit = 2,
     .relative_jumps = true,
     .compare_shift = 5,
     .global_null_bit = true,
     .attribute_method_bit = true,
     .loads_cells = true,
     .end_for_pops = 1,
     .opcodes = "BEFORE_ASYNC_WITH=1 BEFORE_WITH=2 BINARY_SLICE=4 BINARY_SUBSCR=5 CHECK_EG_MATCH=6 "
                "CHECK_EXC_MATCH=7 CLEANUP_THROW=8 DELETE_SUBSCR=9 END_ASYNC_FOR=10 END_FOR=11 "
                "END_SEND=12 EXIT_INIT_CHECK=13 FORMAT_SIMPLE=14 FORMAT_WITH_SPEC=15 GET_AITER=16 "
                "GET_ANEXT=18 GET_ITER=19 GET_LEN=20 GET_YIELD_FROM_ITER=21 INTERPRETER_EXIT=22 "
                "LOAD_ASSERTION_ERROR=23 LOAD_BUILD_CLASS=24 LOAD_LOCALS=25 MAKE_FUNCTION=26 "
                "MATCH_KEYS=27 MATCH_MAPPING=28 MATCH_SEQUENCE=29 NOP=30 POP_EXCEPT=31 POP_TOP=32 "
                "PUSH_EXC_INFO=33 PUSH_NULL=34 RETURN_GENERATOR=35 RETURN_VALUE=36 "
                "SETUP_ANNOTATIONS=37 STORE_SLICE=38 STORE_SUBSCR=39 TO_BOOL=40 UNARY_INVERT=41 "
                "UNARY_NEGATIVE=42 UNARY_NOT=43 WITH_EXCEPT_START=44 BINARY_OP=45 "
                "BUILD_CONST_KEY_MAP=46 BUILD_LIST=47 BUILD_MAP=48 BUILD_SET=49 BUILD_SLICE=50 "
                "BUILD_STRING=51 BUILD_TUPLE=52 CALL=53 CALL_FUNCTION_EX=54 CALL_INTRINSIC_1=55 "
                "CALL_INTRINSIC_2=56 CALL_KW=57 COMPARE_OP=58 CONTAINS_OP=59 CONVERT_VALUE=60 "
                "COPY=61 COPY_FREE_VARS=62 DELETE_ATTR=63 DELETE_DEREF=64 DELETE_FAST=65 "
                "DELETE_GLOBAL=66 DELETE_NAME=67 DICT_MERGE=68 DICT_UPDATE=69 ENTER_EXECUTOR=70 "
                "EXTENDED_ARG=71 FOR_ITER=72 GET_AWAITABLE=73 IMPORT_FROM=74 IMPORT_NAME=75 "
                "IS_OP=76 JUMP_BACKWARD=77 JUMP_BACKWARD_NO_INTERRUPT=78 JUMP_FORWARD=79 "
                "LIST_APPEND=80 LIST_EXTEND=81 LOAD_ATTR=82 LOAD_CONST=83 LOAD_DEREF=84 "
                "LOAD_FAST=85 LOAD_FAST_AND_CLEAR=86 LOAD_FAST_CHECK=87 LOAD_FAST_LOAD_FAST=88 "
                "LOAD_FROM_DICT_OR_DEREF=89 LOAD_FROM_DICT_OR_GLOBALS=90 LOAD_GLOBAL=91 "
                "LOAD_NAME=92 LOAD_SUPER_ATTR=93 MAKE_CELL=94 MAP_ADD=95 MATCH_CLASS=96 "
                "POP_JUMP_IF_FALSE=97 POP_JUMP_IF_NONE=98 POP_JUMP_IF_NOT_NONE=99 "
                "POP_JUMP_IF_TRUE=100 RAISE_VARARGS=101 RERAISE=102 RETURN_CONST=103 SEND=104 "
                "SET_ADD=105 SET_FUNCTION_ATTRIBUTE=106 SET_UPDATE=107 STORE_ATTR=108 "
                "STORE_DEREF=109 STORE_FAST=110 STORE_FAST_LOAD_FAST=111 STORE_FAST_STORE_FAST=112 "
                "STORE_GLOBAL=113 STORE_NAME=114 SWAP=115 UNPACK_EX=116 UNPACK_SEQUENCE=117 "
                "YIELD_VALUE=118 RESUME=149",
     .caches = "BINARY_OP=1 UNPACK_SEQUENCE=1 COMPARE_OP=1 CONTAINS_OP=1 BINARY_SUBSCR=1 "
               "FOR_ITER=1 LOAD_SUPER_ATTR=1 STORE_SUBSCR=1 SEND=1 JUMP_BACKWARD=1 "
               "POP_JUMP_IF_TRUE=1 POP_JUMP_IF_FALSE=1 POP_JUMP_IF_NONE=1 POP_JUMP_IF_NOT_NONE=1 "
               "CALL=3 TO_BOOL=3 LOAD_GLOBAL=4 STORE_ATTR=4 LOAD_ATTR=9"},
    {.number = 314,
     .layout = CodeLayout::kLocalsPlus,
     .lines = LineTable::kLocations,
     .word_code = true,
     .jump_unit = 2,
     .relative_jumps = true,
     .compare_shift = 5,
     .global_null_bit = true,
     .attribute_method_bit = true,
     .loads_cells = true,
     .end_for_pops = 1,
     .opcodes = "BINARY_SLICE=1 BUILD_TEMPLATE=2 CALL_FUNCTION_EX=4 CHECK_EG_MATCH=5 "
                "CHECK_EXC_MATCH=6 CLEANUP_THROW=7 DELETE_SUBSCR=8 END_FOR=9 END_SEND=10 "
                "EXIT_INIT_CHECK=11 FORMAT_SIMPLE=12 FORMAT_WITH_SPEC=13 GET_AITER=14 GET_ANEXT=15 "
                "GET_ITER=16 GET_LEN=18 GET_YIELD_FROM_ITER=19 INTERPRETER_EXIT=20 "
                "LOAD_BUILD_CLASS=21 LOAD_LOCALS=22 MAKE_FUNCTION=23 MATCH_KEYS=24 "
                "MATCH_MAPPING=25 MATCH_SEQUENCE=26 NOP=27 NOT_TAKEN=28 POP_EXCEPT=29 POP_ITER=30 "
                "POP_TOP=31 PUSH_EXC_INFO=32 PUSH_NULL=33 RETURN_GENERATOR=34 RETURN_VALUE=35 "
                "SETUP_ANNOTATIONS=36 STORE_SLICE=37 STORE_SUBSCR=38 TO_BOOL=39 UNARY_INVERT=40 "
                "UNARY_NEGATIVE=41 UNARY_NOT=42 WITH_EXCEPT_START=43 BINARY_OP=44 "
                "BUILD_INTERPOLATION=45 BUILD_LIST=46 BUILD_MAP=47 BUILD_SET=48 BUILD_SLICE=49 "
                "BUILD_STRING=50 BUILD_TUPLE=51 CALL=52 CALL_INTRINSIC_1=53 CALL_INTRINSIC_2=54 "
                "CALL_KW=55 COMPARE_OP=56 CONTAINS_OP=57 CONVERT_VALUE=58 COPY=59 "
                "COPY_FREE_VARS=60 DELETE_ATTR=61 DELETE_DEREF=62 DELETE_FAST=63 DELETE_GLOBAL=64 "
                "DELETE_NAME=65 DICT_MERGE=66 DICT_UPDATE=67 END_ASYNC_FOR=68 EXTENDED_ARG=69 "
                "FOR_ITER=70 GET_AWAITABLE=71 IMPORT_FROM=72 IMPORT_NAME=73 IS_OP=74 "
                "JUMP_BACKWARD=75 JUMP_BACKWARD_NO_INTERRUPT=76 JUMP_FORWARD=77 LIST_APPEND=78 "
                "LIST_EXTEND=79 LOAD_ATTR=80 LOAD_COMMON_CONSTANT=81 LOAD_CONST=82 LOAD_DEREF=83 "
                "LOAD_FAST=84 LOAD_FAST_AND_CLEAR=85 LOAD_FAST_BORROW=86 "
                "LOAD_FAST_BORROW_LOAD_FAST_BORROW=87 LOAD_FAST_CHECK=88 LOAD_FAST_LOAD_FAST=89 "
                "LOAD_FROM_DICT_OR_DEREF=90 LOAD_FROM_DICT_OR_GLOBALS=91 LOAD_GLOBAL=92 "
                "LOAD_NAME=93 LOAD_SMALL_INT=94 LOAD_SPECIAL=95 LOAD_SUPER_ATTR=96 MAKE_CELL=97 "
                "MAP_ADD=98 MATCH_CLASS=99 POP_JUMP_IF_FALSE=100 POP_JUMP_IF_NONE=101 "
                "POP_JUMP_IF_NOT_NONE=102 POP_JUMP_IF_TRUE=103 RAISE_VARARGS=104 RERAISE=105 "
                "SEND=106 SET_ADD=107 SET_FUNCTION_ATTRIBUTE=108 SET_UPDATE=109 STORE_ATTR=110 "
                "STORE_DEREF=111 STORE_FAST=112 STORE_FAST_LOAD_FAST=113 STORE_FAST_STORE_FAST=114 "
                "STORE_GLOBAL=115 STORE_NAME=116 SWAP=117 UNPACK_EX=118 UNPACK_SEQUENCE=119 "
                "YIELD_VALUE=120 RESUME=128",
     .caches = "CALL_FUNCTION_EX=-1 STORE_SUBSCR=1 SEND=1 UNPACK_SEQUENCE=1 LOAD_SUPER_ATTR=1 "
               "COMPARE_OP=1 "
               "CONTAINS_OP=1 JUMP_BACKWARD=1 POP_JUMP_IF_TRUE=1 POP_JUMP_IF_FALSE=1 "
               "POP_JUMP_IF_NONE=1 POP_JUMP_IF_NOT_NONE=1 FOR_ITER=1 TO_BOOL=3 CALL=3 CALL_KW=3 "
               "STORE_ATTR=4 LOAD_GLOBAL=4 BINARY_OP=5 LOAD_ATTR=9"},
};

// What follows from an opcode's name in every version.
struct Meaning {
  absl::string_view name;
  Act act;
  int fixed = -1;               // the argument, where the name says it
  int plus = 0;                 // what to add to the argument
  int since = 0, until = 9999;  // the versions in which it means that
};

template <typename E>
constexpr int N(E value) {
  return static_cast<int>(value);
}
using B = BinaryOperator;
using C = Comparison;
using U = UnaryOperator;

constexpr Meaning kMeanings[] = {
    {"NOP", Act::kNop},
    {"CACHE", Act::kNop},
    {"RESUME", Act::kResume},
    {"PRECALL", Act::kNop},
    {"COPY_FREE_VARS", Act::kNop},
    {"GEN_START", Act::kNop},
    {"RETURN_GENERATOR", Act::kPushNull},
    {"NOT_TAKEN", Act::kNop},
    {"TO_BOOL", Act::kNop},
    {"SETUP_ANNOTATIONS", Act::kNop},
    {"EXTENDED_ARG", Act::kExtended},
    {"POP_TOP", Act::kPop},
    {"POP_ITER", Act::kPop},
    {"END_FOR", Act::kPopLoop},
    {"PUSH_NULL", Act::kPushNull},
    {"COPY", Act::kCopy},
    {"DUP_TOP", Act::kCopy, 1},
    {"DUP_TOP_TWO", Act::kDuplicate, 2},
    {"SWAP", Act::kSwap},
    {"ROT_TWO", Act::kSwap, 2},
    {"ROT_THREE", Act::kRotate, 3},
    {"ROT_FOUR", Act::kRotate, 4},
    {"ROT_N", Act::kRotate},
    {"LOAD_CONST", Act::kConstant},
    {"LOAD_SMALL_INT", Act::kSmallInt},
    {"LOAD_COMMON_CONSTANT", Act::kCommonConstant},
    {"LOAD_FAST", Act::kLoad},
    {"LOAD_FAST_CHECK", Act::kLoad},
    {"LOAD_FAST_BORROW", Act::kLoad},
    {"LOAD_FAST_LOAD_FAST", Act::kLoad},
    {"LOAD_FAST_BORROW_LOAD_FAST_BORROW", Act::kLoad},
    {"LOAD_FAST_AND_CLEAR", Act::kLoadAndClear},
    {"STORE_FAST", Act::kStore},
    {"STORE_FAST_STORE_FAST", Act::kStore},
    {"STORE_FAST_LOAD_FAST", Act::kStore},
    {"DELETE_FAST", Act::kDelete},
    {"LOAD_DEREF", Act::kLoad},
    {"LOAD_CLASSDEREF", Act::kLoad},
    {"STORE_DEREF", Act::kStore},
    {"DELETE_DEREF", Act::kDelete},
    {"LOAD_CLOSURE", Act::kCell},
    {"MAKE_CELL", Act::kMakeCell},
    {"LOAD_GLOBAL", Act::kGlobal},
    {"LOAD_NAME", Act::kGlobal},
    {"STORE_GLOBAL", Act::kStoreGlobal},
    {"LOAD_ATTR", Act::kAttribute},
    {"LOAD_METHOD", Act::kAttribute},
    {"BINARY_SUBSCR", Act::kSubscript},
    {"BINARY_SLICE", Act::kSlice},
    {"SLICE+0", Act::kOldSlice, 0},
    {"SLICE+1", Act::kOldSlice, 1},
    {"SLICE+2", Act::kOldSlice, 2},
    {"SLICE+3", Act::kOldSlice, 3},
    {"STORE_SUBSCR", Act::kStoreSubscript},
    {"BINARY_OP", Act::kBinary},
    {"BINARY_POWER", Act::kBinary, N(B::kPower)},
    {"BINARY_MULTIPLY", Act::kBinary, N(B::kMultiply)},
    {"BINARY_MATRIX_MULTIPLY", Act::kBinary, N(B::kMatMul)},
    {"BINARY_MODULO", Act::kBinary, N(B::kRemainder)},
    {"BINARY_ADD", Act::kBinary, N(B::kAdd)},
    {"BINARY_SUBTRACT", Act::kBinary, N(B::kSubtract)},
    {"BINARY_FLOOR_DIVIDE", Act::kBinary, N(B::kFloorDivide)},
    {"BINARY_TRUE_DIVIDE", Act::kBinary, N(B::kDivide)},
    {"BINARY_DIVIDE", Act::kBinary, N(B::kOldDivide)},
    {"BINARY_LSHIFT", Act::kBinary, N(B::kShiftLeft)},
    {"BINARY_RSHIFT", Act::kBinary, N(B::kShiftRight)},
    {"BINARY_AND", Act::kBinary, N(B::kAnd)},
    {"BINARY_XOR", Act::kBinary, N(B::kXor)},
    {"BINARY_OR", Act::kBinary, N(B::kOr)},
    {"INPLACE_POWER", Act::kBinary, N(B::kPower)},
    {"INPLACE_MULTIPLY", Act::kBinary, N(B::kMultiply)},
    {"INPLACE_MATRIX_MULTIPLY", Act::kBinary, N(B::kMatMul)},
    {"INPLACE_MODULO", Act::kBinary, N(B::kRemainder)},
    {"INPLACE_ADD", Act::kBinary, N(B::kAdd)},
    {"INPLACE_SUBTRACT", Act::kBinary, N(B::kSubtract)},
    {"INPLACE_FLOOR_DIVIDE", Act::kBinary, N(B::kFloorDivide)},
    {"INPLACE_TRUE_DIVIDE", Act::kBinary, N(B::kDivide)},
    {"INPLACE_DIVIDE", Act::kBinary, N(B::kOldDivide)},
    {"INPLACE_LSHIFT", Act::kBinary, N(B::kShiftLeft)},
    {"INPLACE_RSHIFT", Act::kBinary, N(B::kShiftRight)},
    {"INPLACE_AND", Act::kBinary, N(B::kAnd)},
    {"INPLACE_XOR", Act::kBinary, N(B::kXor)},
    {"INPLACE_OR", Act::kBinary, N(B::kOr)},
    {"UNARY_POSITIVE", Act::kUnary, N(U::kPositive)},
    {"UNARY_NEGATIVE", Act::kUnary, N(U::kNegative)},
    {"UNARY_INVERT", Act::kUnary, N(U::kInvert)},
    {"UNARY_NOT", Act::kUnary, N(U::kNot)},
    {"COMPARE_OP", Act::kCompare},
    {"IS_OP", Act::kCompare, -1, N(C::kIs)},
    {"CONTAINS_OP", Act::kCompare, -1, N(C::kIn)},
    {"BUILD_TUPLE", Act::kTuple},
    {"BUILD_LIST", Act::kList},
    {"BUILD_SET", Act::kSet},
    {"BUILD_MAP", Act::kDict, 0, 0, 0, 304},
    {"BUILD_MAP", Act::kDict, -1, 0, 305},
    {"BUILD_CONST_KEY_MAP", Act::kConstKeyDict},
    {"BUILD_SLICE", Act::kBuildSlice},
    {"BUILD_STRING", Act::kText},
    {"FORMAT_VALUE", Act::kFormat},
    {"FORMAT_SIMPLE", Act::kFormat, 0},
    {"FORMAT_WITH_SPEC", Act::kFormat, 4},
    {"CONVERT_VALUE", Act::kNop},
    {"BUILD_LIST_UNPACK", Act::kJoin},
    {"BUILD_TUPLE_UNPACK", Act::kJoinTuple},
    {"BUILD_TUPLE_UNPACK_WITH_CALL", Act::kJoinTuple},
    {"BUILD_MAP_UNPACK", Act::kJoinDicts},
    {"BUILD_MAP_UNPACK_WITH_CALL", Act::kJoinDicts},
    {"LIST_EXTEND", Act::kExtend},
    {"SET_UPDATE", Act::kExtend},
    {"DICT_UPDATE", Act::kUpdate},
    {"DICT_MERGE", Act::kUpdate},
    {"LIST_APPEND", Act::kAppend},
    {"SET_ADD", Act::kAddToSet},
    {"MAP_ADD", Act::kAddToDictKeyFirst, -1, 0, 308},
    {"MAP_ADD", Act::kAddToDictValueFirst, -1, 0, 0, 307},
    {"STORE_MAP", Act::kStoreMap},
    {"LIST_TO_TUPLE", Act::kListToTuple},
    {"UNPACK_SEQUENCE", Act::kUnpack},
    {"UNPACK_EX", Act::kUnpackRest},
    {"CALL", Act::kCall},
    {"CALL_METHOD", Act::kCall},
    {"CALL_FUNCTION", Act::kCallOld, -1, 0, 0, 305},
    {"CALL_FUNCTION", Act::kCallPlain, -1, 0, 306},
    {"CALL_FUNCTION_KW", Act::kCallOldMore, -1, 1 << 17, 0, 305},
    {"CALL_FUNCTION_KW", Act::kCallNames, -1, 0, 306},
    {"CALL_KW", Act::kCallNamesNull},
    {"CALL_FUNCTION_EX", Act::kCallMore, -1, 0, 0, 310},
    {"CALL_FUNCTION_EX", Act::kCallMoreNull, -1, 0, 311, 313},
    {"CALL_FUNCTION_EX", Act::kCallMoreNull, 1, 0, 314},
    {"CALL_FUNCTION_VAR", Act::kCallOldMore, -1, 1 << 16},
    {"CALL_FUNCTION_VAR_KW", Act::kCallOldMore, -1, 3 << 16},
    {"KW_NAMES", Act::kKeywordNames},
    {"MAKE_FUNCTION", Act::kMakeFunctionOld, -1, 0, 0, 305},
    {"MAKE_FUNCTION", Act::kMakeFunction, -1, 0, 306, 312},
    {"MAKE_FUNCTION", Act::kMakeFunction, 0, 0, 313},
    {"MAKE_CLOSURE", Act::kMakeClosureOld},
    {"SET_FUNCTION_ATTRIBUTE", Act::kSetFunctionPart},
    {"JUMP_FORWARD", Act::kJump},
    {"JUMP_ABSOLUTE", Act::kJump},
    {"JUMP_BACKWARD", Act::kJump},
    {"JUMP_BACKWARD_NO_INTERRUPT", Act::kJump},
    {"CONTINUE_LOOP", Act::kJump},
    {"POP_JUMP_IF_FALSE", Act::kJumpIfFalse},
    {"POP_JUMP_IF_TRUE", Act::kJumpIfTrue},
    {"POP_JUMP_FORWARD_IF_FALSE", Act::kJumpIfFalse},
    {"POP_JUMP_FORWARD_IF_TRUE", Act::kJumpIfTrue},
    {"POP_JUMP_BACKWARD_IF_FALSE", Act::kJumpIfFalse},
    {"POP_JUMP_BACKWARD_IF_TRUE", Act::kJumpIfTrue},
    {"POP_JUMP_IF_NONE", Act::kJumpIfNone},
    {"POP_JUMP_IF_NOT_NONE", Act::kJumpIfNotNone},
    {"POP_JUMP_FORWARD_IF_NONE", Act::kJumpIfNone},
    {"POP_JUMP_FORWARD_IF_NOT_NONE", Act::kJumpIfNotNone},
    {"POP_JUMP_BACKWARD_IF_NONE", Act::kJumpIfNone},
    {"POP_JUMP_BACKWARD_IF_NOT_NONE", Act::kJumpIfNotNone},
    {"JUMP_IF_FALSE_OR_POP", Act::kJumpIfFalseOrPop},
    {"JUMP_IF_TRUE_OR_POP", Act::kJumpIfTrueOrPop},
    {"GET_ITER", Act::kIterate},
    {"FOR_ITER", Act::kFor},
    {"SETUP_LOOP", Act::kLoop},
    {"POP_BLOCK", Act::kEndBlock},
    {"SETUP_EXCEPT", Act::kTry},
    {"SETUP_FINALLY", Act::kTry},
    {"BEGIN_FINALLY", Act::kPushNull},
    {"POP_EXCEPT", Act::kNop},
    {"BREAK_LOOP", Act::kBreak},
    {"RETURN_VALUE", Act::kReturn},
    {"RAISE_VARARGS", Act::kRaise},
    {"RERAISE", Act::kRaise},
    {"END_FINALLY", Act::kEndFinally},
    {"CALL_FINALLY", Act::kCallFinally},
    {"POP_FINALLY", Act::kPopFinally},
    {"SETUP_WITH", Act::kWith},
    {"BEFORE_WITH", Act::kWith},
    {"LOAD_SPECIAL", Act::kSpecial},
    {"WITH_CLEANUP", Act::kWithEnd},
    {"WITH_CLEANUP_START", Act::kWithEnd},
    {"WITH_CLEANUP_FINISH", Act::kNop},
    {"RETURN_CONST", Act::kReturnConstant},
    {"YIELD_VALUE", Act::kYield},
    {"IMPORT_NAME", Act::kImport},
    {"IMPORT_FROM", Act::kImportFrom},
    {"CALL_INTRINSIC_1", Act::kIntrinsic},
    {"PRINT_ITEM", Act::kPrint},
    {"PRINT_NEWLINE", Act::kNop},
    {"DUP_TOPX", Act::kDuplicate},
};

constexpr absl::string_view kOperators[] = {"+", "&",  "//", "<<", "@", "*", "%",
                                            "|", "**", ">>", "-",  "/", "^", "/"};
constexpr absl::string_view kComparisons[] = {"<",  "<=", "==",     "!=", ">",
                                              ">=", "in", "not in", "is", "is not"};

using Numbers = std::map<absl::string_view, int>;

// What follows from the opcode's name and the version.
Opcode MakeOpcode(absl::string_view name, const PythonVersion& version, const Numbers& caches) {
  Opcode opcode{.name = name};
  for (const Meaning& meaning : kMeanings) {
    if (meaning.name != name || version.number < meaning.since || version.number > meaning.until) {
      continue;
    }
    opcode.act = meaning.act;
    opcode.fixed = meaning.fixed;
    opcode.plus = meaning.plus;
  }
  const auto has = [&](absl::string_view part) { return absl::StrContains(name, part); };
  switch (opcode.act) {
    case Act::kLoad:
    case Act::kStore:
    case Act::kDelete:
    case Act::kCell:
    case Act::kMakeCell:
    case Act::kLoadAndClear:
      opcode.is_cell = has("DEREF") || has("CLOSURE") || has("CELL");
      opcode.is_variable = true;
      if (has("_LOAD_FAST") || has("_STORE_FAST")) {
        opcode.second = has("_LOAD_FAST") ? Act::kLoad : Act::kStore;
      }
      break;
    case Act::kJumpIfFalse:
    case Act::kJumpIfTrue:
    case Act::kJumpIfFalseOrPop:
    case Act::kJumpIfTrueOrPop:
    case Act::kJumpIfNone:
    case Act::kJumpIfNotNone:
      opcode.jump = has("BACKWARD")          ? JumpKind::kBackward
                    : version.relative_jumps ? JumpKind::kForward
                                             : JumpKind::kAbsolute;
      break;
    case Act::kJump:
      opcode.jump = has("BACKWARD")  ? JumpKind::kBackward
                    : has("FORWARD") ? JumpKind::kForward
                                     : JumpKind::kAbsolute;
      break;
    case Act::kGlobal:
      opcode.has_low_bit = name == "LOAD_GLOBAL" && version.global_null_bit;
      break;
    case Act::kAttribute:
      opcode.has_low_bit = name == "LOAD_ATTR" && version.attribute_method_bit;
      opcode.low_bit = name == "LOAD_METHOD";
      break;
    case Act::kPopLoop:
      opcode.fixed = version.end_for_pops;
      break;
    case Act::kCompare:
      opcode.shift = name == "COMPARE_OP" ? version.compare_shift : 0;
      break;
    case Act::kFor:
    case Act::kLoop:
    case Act::kTry:
    case Act::kCallFinally:
    case Act::kWith:
      if (name == "BEFORE_WITH") break;
      opcode.jump = JumpKind::kForward;
      break;
    default:
      break;
  }
  if (const auto found = caches.find(name); found != caches.end()) opcode.caches = found->second;
  return opcode;
}

Numbers ParseNumbers(absl::string_view text) {
  Numbers numbers;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const size_t equals = word.rfind('=');
    int number = 0;
    NOMO_CHECK(equals != absl::string_view::npos &&
               absl::SimpleAtoi(word.substr(equals + 1), &number) && number < 256);
    numbers[word.substr(0, equals)] = number;
  }
  return numbers;
}

std::vector<OpcodeTable> MakeTables() {
  std::vector<OpcodeTable> tables;
  Numbers numbers;
  for (const PythonVersion& version : kVersions) {
    if (version.as_previous_but_for.empty()) numbers.clear();
    for (const absl::string_view name :
         absl::StrSplit(version.as_previous_but_for, ' ', absl::SkipEmpty())) {
      numbers.erase(name);
    }
    for (const auto& [name, number] : ParseNumbers(version.opcodes)) numbers[name] = number;
    const Numbers caches = ParseNumbers(version.caches);
    OpcodeTable& table = tables.emplace_back();
    for (const auto& [name, number] : numbers) table[number] = MakeOpcode(name, version, caches);
  }
  return tables;
}

}  // namespace

absl::string_view OperatorText(BinaryOperator op) { return kOperators[static_cast<int>(op)]; }
absl::string_view ComparisonText(Comparison comparison) {
  return kComparisons[static_cast<int>(comparison)];
}

std::string PythonVersion::ToString() const {
  return absl::StrCat(number / 100, ".", number % 100);
}

absl::Span<const PythonVersion> PythonVersions() { return kVersions; }

const OpcodeTable& OpcodesOf(const PythonVersion& version) {
  static const auto* const tables = new std::vector<OpcodeTable>(MakeTables());
  return (*tables)[&version - kVersions];
}

std::string VersionsText(absl::Span<const PythonVersion* const> versions) {
  std::vector<std::string> names;
  for (const PythonVersion* version : versions) names.push_back(version->ToString());
  if (names.size() <= 1) return names.empty() ? "" : "Python " + names[0];
  const std::string last = names.back();
  names.pop_back();
  return absl::StrCat("Python ", absl::StrJoin(names, ", "), " or ", last);
}

}  // namespace nomograph::keras
