; Byte order.
%include "romgen.inc"

global swap_eax:function

CODE swap
;---------------------------------------------------------------------------
; swap_eax - host order to network order or back
; in:       EAX
; out:      EAX = the same with its bytes in the other order
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
swap_eax:
        BSWAP   eax
        ret
