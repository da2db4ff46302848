; The loader of the tiny UNDI: belongs to the ROM.
%include "romgen.inc"
extern undi.entry
global loader:function
CODE loader
loader:
        mov     ax, undi.entry
        retf
