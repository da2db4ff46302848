; The UNDI ROM ID's loader where the UNDI is another vendor's: his ROM stands whole behind ours, on a
; paragraph, and is entered at his own loader with CS = his ROM, as after a BIOS (PXE 2.1, 3.1.4).
%include "undi.inc"

%if UNDI_BLOB
global undi_blob_loader:function
global undi_blob_place:data

CODE undi_blob_loader
;---------------------------------------------------------------------------
; undi_blob_loader [far] - the vendor's loader
; in:       on the stack: far pointer to a p_loader, which the caller removes
; out:      AX, p_loader: as the vendor's loader leaves them
; clobbers: AX, flags
; needs:    CS = the ROM's segment; stack as the UNDI ROM ID says
;---------------------------------------------------------------------------
undi_blob_loader:
        mov     ax, cs
        add     ax, [cs:undi_blob_place]
        push    ax
        push    word UNDI_BLOB_LOADER
        retf

undi_blob_place:                        ; data: paragraphs from our ROM to his, by romgen/undi_blob.py
        dw      0
%endif
