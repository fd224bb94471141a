# How the libraries that inquest uses come into its programs. A process is to answer in milliseconds, and 40 shared libraries with their 120,000
# relocations take twelve of them before main() (LD_DEBUG=statistics). So:
#   inquest_static_library  a library that most commands use is linked statically where its archive is installed
#   inquest_lazy_library    a library that few commands use is loaded by its first call: tools/lazy_library.py writes a stub for each function it
#                           exports. Code calls it as ever; the stub loads the library (base/lazy_symbol.cc) and jumps on.

# inquest_static_library(TARGET ARCHIVE FALLBACK [more…]): TARGET links ARCHIVE (a lib*.a), else FALLBACK.
function(inquest_static_library TARGET ARCHIVE FALLBACK)
  add_library(${TARGET} INTERFACE)
  find_library(ARCHIVE_OF_${TARGET} ${ARCHIVE})
  if(ARCHIVE_OF_${TARGET} AND NOT INQUEST_FUZZ)
    target_include_directories(${TARGET} INTERFACE $<TARGET_PROPERTY:${FALLBACK},INTERFACE_INCLUDE_DIRECTORIES>)
    target_link_libraries(${TARGET} INTERFACE ${ARCHIVE_OF_${TARGET}} ${ARGN})
  else()
    target_link_libraries(${TARGET} INTERFACE ${FALLBACK})
  endif()
endfunction()

# inquest_lazy_library(TARGET LIBRARY REAL): LIBRARY is the path of the shared library behind the target REAL.
function(inquest_lazy_library TARGET LIBRARY REAL)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|aarch64)$")
    add_library(${TARGET} INTERFACE)
    target_link_libraries(${TARGET} INTERFACE ${REAL})
    return()
  endif()
  set(STUBS ${CMAKE_BINARY_DIR}/lazy/${TARGET}.S)
  add_custom_command(OUTPUT ${STUBS} COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/lazy_library.py ${CMAKE_SYSTEM_PROCESSOR} ${LIBRARY} ${STUBS}
    DEPENDS ${CMAKE_SOURCE_DIR}/tools/lazy_library.py ${LIBRARY} VERBATIM)
  add_library(${TARGET} STATIC ${STUBS})
  target_include_directories(${TARGET} INTERFACE $<TARGET_PROPERTY:${REAL},INTERFACE_INCLUDE_DIRECTORIES>)
  target_link_libraries(${TARGET} PRIVATE room_base)
endfunction()
