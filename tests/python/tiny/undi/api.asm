; The tiny UNDI.
%include "romgen.inc"
global entry:function
extern transmit, state
CODE entry
        db      0x90
entry:
        mov     al, [state]
        call    transmit
        retf
